# The pinned LibTorch (deploy/setup.sh unpacks it) as the target keel_torch.
# Not find_package(Torch): this wheel's demands a CUDA toolkit, and its own
# protoc must stay out of CMAKE_PREFIX_PATH (docs/decisions/0001).
set(KEEL_TORCH_ROOT "${KEEL_CACHE}/libtorch-2.11.0" CACHE PATH
    "Folder that holds torch/ (and nvidia/)")
set(torch ${KEEL_TORCH_ROOT}/torch)
if(NOT EXISTS ${torch}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "No LibTorch in ${torch}: run deploy/setup.sh (make does)")
endif()

add_library(keel_torch INTERFACE)
target_include_directories(keel_torch SYSTEM INTERFACE
  ${torch}/include ${torch}/include/torch/csrc/api/include)
target_link_directories(keel_torch INTERFACE ${torch}/lib)
target_link_options(keel_torch INTERFACE
  -Wl,-rpath,${torch}/lib -Wl,--allow-shlib-undefined)
target_link_libraries(keel_torch INTERFACE
  -Wl,--no-as-needed torch_cpu c10 -Wl,--as-needed)
target_compile_definitions(keel_torch INTERFACE USE_DISTRIBUTED)
# ATen's headers trip over -Wextra in places that no pragma reaches.
target_compile_options(keel_torch INTERFACE -Wno-deprecated-declarations)

option(KEEL_GLOO "Collectives on CPUs by Gloo" ON)
if(KEEL_GLOO)
  # c10d keeps gloo's types opaque, so headers are enough; libgloo itself must
  # not be linked: libtorch_cpu exports its own, newer one.
  target_include_directories(keel_torch SYSTEM INTERFACE ${KEEL_CACHE}/gloo/usr/include)
  target_compile_definitions(keel_torch INTERFACE USE_C10D_GLOO)
endif()
if(KEEL_CUDA)
  find_package(CUDAToolkit REQUIRED)
  target_include_directories(keel_torch SYSTEM INTERFACE ${CUDAToolkit_INCLUDE_DIRS})
  target_link_libraries(keel_torch INTERFACE
    -Wl,--no-as-needed torch_cuda c10_cuda torch -Wl,--as-needed CUDA::cudart)
  target_compile_definitions(keel_torch INTERFACE USE_C10D_NCCL KEEL_CUDA)
endif()
