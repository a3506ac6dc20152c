"""What a GPU must do as the CPU does: `make test-gpu`. Needs torch, numpy, pydantic, safetensors and pytest only."""
