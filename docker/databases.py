"""Gives each service a role of its own in Postgres that owns its databases, and can connect to no other.

This is the compose service `databases`, the only one with the superuser's password; it may run again. Until 0.2.0 the
superuser was named `airflow`, and all services used it: it gets the name `postgres`, and loses what it owns.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2
from psycopg2 import extensions
from psycopg2.sql import SQL, Composable, Identifier, Literal

SUPERUSER, FORMER, TEMPORARY = "postgres", "airflow", "meli_migration"
DATABASES = {"airflow": ("airflow",), "mlflow": ("mlflow", "mlflow_auth")}
"""The databases of each role."""
MAINTENANCE = ("postgres", "template1")
"""Databases of the server itself, to which every role may connect by default."""
LOCK_SECONDS = 60
NOT_OWNED_BY = """
select 'alter table ' || quote_ident(nspname) || '.' || quote_ident(relname)
  from pg_class c join pg_namespace n on n.oid = relnamespace
  where relkind in ('r', 'p', 'v', 'm', 'f', 'S') and relowner <> %(owner)s::regrole
    and (relkind <> 'S' or not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid
                                       and refclassid = 'pg_class'::regclass and deptype in ('a', 'i')))
    and nspname !~ '^pg_' and nspname <> 'information_schema'
union all
select 'alter type ' || quote_ident(nspname) || '.' || quote_ident(typname)
  from pg_type join pg_namespace n on n.oid = typnamespace
  where typtype in ('e', 'd') and typowner <> %(owner)s::regrole
    and nspname !~ '^pg_' and nspname <> 'information_schema'
union all
select 'alter schema ' || quote_ident(nspname)
  from pg_namespace
  where nspowner <> %(owner)s::regrole and nspname !~ '^pg_' and nspname not in ('information_schema', 'public')
union all
select 'alter routine ' || oid::regprocedure
  from pg_proc
  where proowner <> %(owner)s::regrole
    and pronamespace not in (select oid from pg_namespace where nspname ~ '^pg_' or nspname = 'information_schema')
"""
"""Statements that lack their end: `owner to`. Sequences of columns follow their tables."""


@dataclass(frozen=True)
class Server:
    """Where Postgres is, `host:port`, and its superuser's password."""

    address: str
    password: str

    @contextmanager
    def connected(self, user: str, database: str = "postgres") -> Iterator[extensions.connection]:
        """A connection in which each statement is a transaction of its own."""
        host, _, port = self.address.partition(":")
        found = psycopg2.connect(
            host=host, port=port or 5432, user=user, password=self.password, dbname=database, connect_timeout=10
        )
        try:
            found.autocommit = True
            run(found, SQL("set lock_timeout = {}").format(Literal(f"{LOCK_SECONDS}s")))
            yield found
        finally:
            found.close()


def run(server: extensions.connection, statement: Composable, **values: object) -> list[tuple[object, ...]]:
    """The rows that a statement returns."""
    with server.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


def has_role(server: extensions.connection, name: str) -> bool:
    """Whether there is a role of this name."""
    return bool(run(server, SQL("select 1 from pg_roles where rolname = %(name)s"), name=name))


def set_role(server: extensions.connection, name: str, password: str, attributes: str) -> None:
    """Create or change a role. The password is sent as its verifier, so that no log of the server can have it."""
    verifier = extensions.encrypt_password(password, name, server, "scram-sha-256")
    verb = "alter" if has_role(server, name) else "create"
    statement = SQL(f"{verb} role {{}} login {attributes} password {{}}")
    run(server, statement.format(Identifier(name), Literal(verifier)))


def rename_former_superuser(server: Server) -> None:
    """Name the superuser of an earlier version `postgres`, by way of another one: no role can rename itself."""
    with server.connected(FORMER) as former:
        set_role(former, TEMPORARY, server.password, "superuser")
    with server.connected(TEMPORARY) as temporary:
        run(temporary, SQL("alter role {} rename to {}").format(Identifier(FORMER), Identifier(SUPERUSER)))
    print(f"role {FORMER}: was the superuser, and is named {SUPERUSER} now")


def is_of_an_earlier_version(server: Server) -> bool:
    """Whether the superuser still has its former name.

    Raises:
        psycopg2.OperationalError: neither name can sign in with the password.
    """
    try:
        with server.connected(SUPERUSER):
            return False
    except psycopg2.OperationalError as refused:
        try:
            with server.connected(FORMER) as former:
                return run(former, SQL("show is_superuser")) == [("on",)]
        except psycopg2.OperationalError:
            raise refused from None


def make_database(server: Server, name: str, owner: str) -> None:
    """Create a database if it is missing, and give it with all that is in it to its owner alone."""
    database, role = Identifier(name), Identifier(owner)
    with server.connected(SUPERUSER) as connection:
        if not run(connection, SQL("select 1 from pg_database where datname = %(name)s"), name=name):
            run(connection, SQL("create database {}").format(database))
        run(connection, SQL("alter database {} owner to {}").format(database, role))
        run(connection, SQL("revoke all on database {} from public").format(database))
    with server.connected(SUPERUSER, name) as connection:
        given = [str(statement) for (statement,) in run(connection, SQL(NOT_OWNED_BY), owner=owner)]
        for statement in given:
            run(connection, SQL(f"{statement} owner to {{}}").format(role))
    print(f"database {name}: of {owner}" + (f", with {len(given)} tables and types of another role" if given else ""))


def prepare(server: Server, passwords: Mapping[str, str]) -> None:
    """Make all roles and databases; `passwords` are those of the roles."""
    if is_of_an_earlier_version(server):
        rename_former_superuser(server)
    with server.connected(SUPERUSER) as connection:
        run(connection, SQL("drop role if exists {}").format(Identifier(TEMPORARY)))
        for role, password in passwords.items():
            set_role(connection, role, password, "nosuperuser nocreatedb nocreaterole noreplication nobypassrls")
        for database in MAINTENANCE:
            run(connection, SQL("revoke all on database {} from public").format(Identifier(database)))
    for role, databases in DATABASES.items():
        for database in databases:
            make_database(server, database, role)


if __name__ == "__main__":
    server = Server(os.environ["POSTGRES_SERVER"], os.environ["POSTGRES_PASSWORD"])
    try:
        prepare(server, {role: os.environ[f"{role.upper()}_DATABASE_PASSWORD"] for role in DATABASES})
    except psycopg2.Error as error:
        sys.exit(
            f"Postgres at {server.address}: {str(error).strip()}\nIf it refuses the password: a database keeps the "
            "POSTGRES_PASSWORD that it was created with. If a lock was not available: `docker compose down`, then `up`."
        )
