# keel_proto_library(NAME [GRPC] PROTOS file...): generated messages and
# services. Paths are relative to proto/.
function(keel_proto_library name)
  cmake_parse_arguments(ARG "GRPC" "" "PROTOS;DEPS" ${ARGN})
  find_program(PROTOC protoc REQUIRED)
  find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
  set(root ${CMAKE_SOURCE_DIR}/proto)
  set(out ${CMAKE_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${out})
  set(sources "")
  foreach(proto ${ARG_PROTOS})
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(generated ${out}/${stem}.pb.cc ${out}/${stem}.pb.h)
    set(command ${PROTOC} -I${root} --cpp_out=${out})
    if(ARG_GRPC)
      list(APPEND generated ${out}/${stem}.grpc.pb.cc ${out}/${stem}.grpc.pb.h)
      list(APPEND command --grpc_out=${out}
           --plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN})
    endif()
    add_custom_command(OUTPUT ${generated} COMMAND ${command} ${root}/${proto}
                       DEPENDS ${root}/${proto} VERBATIM)
    list(APPEND sources ${generated})
  endforeach()
  add_custom_target(${name}_sources DEPENDS ${sources})
  add_library(${name} STATIC ${sources})
  # Generated files share the names of their statics.
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  if(KEEL_SANITIZE)
    # As third parties' code: a third of the time, and nothing of ours.
    target_compile_options(${name} PRIVATE -O0 -g0 -fno-sanitize=all)
  endif()
  target_include_directories(${name} SYSTEM PUBLIC ${out})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} Threads::Threads)
endfunction()
