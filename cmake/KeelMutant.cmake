# keel_mutant(NAME LIBRARY target SOURCE file ORIGINAL text MUTATED text
# VIOLATION text): the test NAME, which runs the simulator with a copy of the
# library's `file` in which MUTATED stands for ORIGINAL, and demands that its
# checker says VIOLATION. The copy's object is linked before the library, whose
# own is then left out; so it is never joined with others (CMAKE_UNITY_BUILD).
# ORIGINAL has to be in the file once. keel_mutant_main holds the test itself.
# The sanitizers' builds have no mutants: these need no second look.
function(keel_mutant name)
  if(KEEL_SANITIZE)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "LIBRARY;SOURCE;ORIGINAL;MUTATED;VIOLATION" "")
  set(source ${CMAKE_SOURCE_DIR}/${ARG_SOURCE})
  set_source_files_properties(${source} TARGET_DIRECTORY ${ARG_LIBRARY}
                              PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  file(READ ${source} text)
  string(FIND "${text}" "${ARG_ORIGINAL}" first)
  string(FIND "${text}" "${ARG_ORIGINAL}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "Mutant ${name}: ${ARG_SOURCE} has to hold this once:\n"
            "${ARG_ORIGINAL}")
  endif()
  string(REPLACE "${ARG_ORIGINAL}" "${ARG_MUTATED}" text "${text}")
  string(APPEND text "namespace keel::testing {
const char* MutantViolation();
const char* MutantViolation() { return \"${ARG_VIOLATION}\"; }
}  // namespace keel::testing\n")
  get_filename_component(stem ${ARG_SOURCE} NAME)
  set(copy ${CMAKE_CURRENT_BINARY_DIR}/${name}_${stem})
  file(CONFIGURE OUTPUT ${copy} CONTENT "${text}" @ONLY)
  keel_test(${name}
    SOURCES $<TARGET_OBJECTS:keel_mutant_main> ${copy}
    DEPS keel_simulator
    TIMEOUT 900)
endfunction()
