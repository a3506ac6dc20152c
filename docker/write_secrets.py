"""Writes .env with random secrets for docker-compose.yaml; an existing .env is kept."""

import sys
from pathlib import Path

from required import GENERATORS

target = Path(".env")
if target.exists():
    sys.exit(".env exists and was kept. Delete it to get new secrets (the databases keep the old ones).")
lines = {name: generate() for name, generate in GENERATORS.items()} | {
    "MELI_STORE": "s3://meli/store",
    "MELI_S3_ENDPOINT": "http://s3:8333",
    "COMPOSE_PROFILES": "s3,cpu,serving",
}
target.touch(mode=0o600)
target.write_text("".join(f"{name}={value}\n" for name, value in lines.items()), encoding="utf-8")
print("Wrote .env: sign in to Airflow as admin with MELI_ADMIN_PASSWORD. Then: docker compose up --build --wait")
