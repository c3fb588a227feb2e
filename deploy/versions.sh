# What deploy/setup.sh fetches from the Python package index and from Debian,
# with the SHA-256 of each file. Change a version and its digest together.
# Format: NAME==VERSION  FILE  SHA-256
KEEL_TORCH_VERSION=2.11.0
KEEL_WHEELS="
torch==2.11.0 torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl 7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a
nvidia-cuda-runtime==13.0.96 nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl 7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548
nvidia-cuda-cupti==13.0.85 nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl 4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8
open_clip_torch==3.3.0 open_clip_torch-3.3.0-py3-none-any.whl c549ad5ed6bfc119cc11105033c0a2b9d7a2a4afeb40a58a09aab3da1a0043ce
"
# Headers only (docs/decisions/0002).
KEEL_GLOO_PACKAGE=libgloo-dev
