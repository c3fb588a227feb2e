# Warnings, sanitizers and ccache, for every target of this tree.
find_program(KEEL_CCACHE ccache)
if(KEEL_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${KEEL_CCACHE})
endif()

find_package(Threads REQUIRED)
add_library(keel_options INTERFACE)
target_include_directories(keel_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(keel_options INTERFACE -Wall -Wextra -Wno-unused-parameter
                       -Wno-missing-field-initializers)
target_compile_definitions(keel_options INTERFACE KEEL_VERSION="${PROJECT_VERSION}")
target_link_libraries(keel_options INTERFACE Threads::Threads)
# Some dependencies bring it: no precompiled header is taken without it.
target_compile_options(keel_options INTERFACE -pthread)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(keel_options INTERFACE -Wthread-safety -Werror=thread-safety)
endif()
if(KEEL_SANITIZE)
  # Fast enough to run, and lines in the reports.
  set(CMAKE_CXX_FLAGS_RELEASE "-O1 -DNDEBUG -g1")
  add_compile_options(-fsanitize=${KEEL_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${KEEL_SANITIZE})
endif()
if(KEEL_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
