"""`make bench-gpu`: training on a GPU against what it can do. Needs torch, numpy, pydantic and safetensors only."""
