# keel_library(NAME [SOURCES file...] [DEPS target...]): one folder's library.
function(keel_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC keel_options ${ARG_DEPS})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE keel_options ${ARG_DEPS})
  endif()
endfunction()

# keel_binary(NAME SOURCES file... DEPS target...): a program.
function(keel_binary name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} ${KEEL_PROGRAM_OBJECTS})
endfunction()

# keel_test(NAME SOURCES file... DEPS target... [LABELS label...]
# [TIMEOUT seconds] [LONG]): a GoogleTest binary, one ctest entry for each of its
# tests; with a sanitizer, whose programs are slow to start, one entry for all,
# of which a LONG one begins before the others: none is to run alone at the end.
function(keel_test name)
  cmake_parse_arguments(ARG "LONG" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES
                        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} ${KEEL_PROGRAM_OBJECTS} GTest::gmock_main)
  if(NOT KEEL_SANITIZE)
    # The tests' own sources alone: a third less compile time.
    target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  endif()
  set_target_properties(${name} PROPERTIES UNITY_BUILD ${KEEL_JOIN_TESTS} UNITY_BUILD_BATCH_SIZE 12)
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  if(KEEL_SANITIZE)
    add_test(NAME ${name} COMMAND ${name} --gtest_brief=1
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 900)
    if(ARG_LONG)
      # More than any measured time.
      set_tests_properties(${name} PROPERTIES COST 1000)
    endif()
    return()
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 300
                       WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
                       PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

# keel_pch(NAME HEADERS header... DEPS target...): precompiled headers that
# several targets share: most of a file's compile time goes into a few headers.
function(keel_pch name)
  cmake_parse_arguments(ARG "" "" "HEADERS;DEPS" ${ARGN})
  file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/pch/${name}.cc CONTENT "// Compiles the headers.\n")
  add_library(${name} STATIC ${CMAKE_BINARY_DIR}/pch/${name}.cc)
  target_link_libraries(${name} PRIVATE keel_options ${ARG_DEPS})
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
  if(KEEL_CCACHE)
    # By the preprocessed text alone: where an older result lies beside it,
    # ccache's direct mode does not see that a header has changed.
    set_target_properties(${name} PROPERTIES CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND};-E;env;CCACHE_NODIRECT=1;${CMAKE_CXX_COMPILER_LAUNCHER}")
  endif()
endfunction()

# keel_use_pch(PCH target...): the targets compile with it. Sources include
# what they use all the same; KEEL_PCH=OFF builds without.
function(keel_use_pch pch)
  foreach(target ${ARGN})
    if(KEEL_PCH AND TARGET ${target} AND TARGET ${pch})
      target_precompile_headers(${target} REUSE_FROM ${pch})
      if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        target_compile_options(${target} PRIVATE -fpch-preprocess)
      endif()
    endif()
  endforeach()
endfunction()
