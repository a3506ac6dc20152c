"""Write .env with random secrets for docker-compose.yaml; an existing .env is kept."""

import base64
import secrets
import sys
from pathlib import Path

target = Path(".env")
if target.exists():
    sys.exit(".env is already there and was kept; delete it to have new secrets (the databases keep the old ones).")
lines = {
    "AIRFLOW_FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    **{name: secrets.token_hex(32) for name in ("AIRFLOW_JWT_SECRET", "AIRFLOW_API_SECRET")},
    **{name: secrets.token_hex(16) for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "MELI_ADMIN_PASSWORD")},
    "AWS_ACCESS_KEY_ID": secrets.token_hex(8),
    "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
    "COMPOSE_PROFILES": "s3,cpu",
}
target.touch(mode=0o600)
target.write_text("".join(f"{name}={value}\n" for name, value in lines.items()), encoding="utf-8")
print("Wrote .env: sign in to Airflow as admin with MELI_ADMIN_PASSWORD. Then: docker compose up --build --wait")
