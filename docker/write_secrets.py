"""Writes .env with random secrets for docker-compose.yaml; to an existing .env it adds those that it lacks."""

import sys
from pathlib import Path

from required import GENERATORS, OF_S3, OPTIONAL

target = Path(".env")
if target.exists():
    text = target.read_text(encoding="utf-8")
    named = {line.partition("=")[0].strip() for line in text.splitlines()}
    missing = [name for name in GENERATORS if name not in named | OPTIONAL | OF_S3]
    if not missing:
        sys.exit(".env exists and was kept. Delete it to get new secrets (the databases keep the old ones).")
    with target.open("a", encoding="utf-8") as file:
        file.write("" if text.endswith("\n") else "\n")
        file.writelines(f"{name}={GENERATORS[name]()}\n" for name in missing)
    print(f"Added {', '.join(missing)} to .env. The rest of it was kept.")
    sys.exit()
lines = {name: generate() for name, generate in GENERATORS.items()} | {
    "MELI_STORE": "s3://meli/store",
    "MELI_S3_ENDPOINT": "http://s3:8333",
    "COMPOSE_PROFILES": "s3,cpu,serving",
}
target.touch(mode=0o600)
target.write_text("".join(f"{name}={value}\n" for name, value in lines.items()), encoding="utf-8")
print("Wrote .env: sign in to Airflow as admin with MELI_ADMIN_PASSWORD. Then: docker compose up --build --wait")
