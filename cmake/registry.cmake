# rundown_registry(KIND OUT_SOURCES OUT_REGISTRY DIR...)
#
# Finds every .c in the folders, sorts the files by name so that a seed picks the
# same entry everywhere, and generates the table
#     const struct KIND *const KIND_registry[]   (NULL at its end)
# that refers to KIND_<file name> for each. A file without its entry is an
# undefined reference that names it: the build stops at the link. Two files of one
# name (in two folders) stop the configuration.
function(rundown_registry kind out_sources out_registry)
  set(found "")
  foreach(dir IN LISTS ARGN)
    file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${dir}/*.c)
    foreach(file IN LISTS files)
      get_filename_component(name ${file} NAME_WE)
      if(name IN_LIST found)
        message(FATAL_ERROR "${kind}: two files are called ${name}.c (second: ${file})")
      endif()
      list(APPEND found ${name})
      list(APPEND sources ${file})
    endforeach()
  endforeach()
  list(SORT found)
  set(text "/* Generated: every ${kind}, sorted by file name. */\n#include <stddef.h>\n\nstruct ${kind};\n")
  foreach(name IN LISTS found)
    string(APPEND text "extern const struct ${kind} ${kind}_${name};\n")
  endforeach()
  string(APPEND text "extern const struct ${kind} *const ${kind}_registry[];\n")
  string(APPEND text "const struct ${kind} *const ${kind}_registry[] = {\n")
  foreach(name IN LISTS found)
    string(APPEND text "    &${kind}_${name},\n")
  endforeach()
  string(APPEND text "    NULL,\n};\n")
  set(registry ${CMAKE_BINARY_DIR}/generated/${kind}_registry.c)
  file(CONFIGURE OUTPUT ${registry} CONTENT "${text}" @ONLY)
  set(${out_sources} ${sources} PARENT_SCOPE)
  set(${out_registry} ${registry} PARENT_SCOPE)
endfunction()

# rundown_test(FILE [LIBRARIES...]): one CUnit program per test source.
function(rundown_test file)
  get_filename_component(name ${file} NAME_WE)
  add_executable(${name} ${file})
  target_link_libraries(${name} PRIVATE ${ARGN} rundown-flags rundown-sanitize cunit)
  target_compile_definitions(${name} PRIVATE RUNDOWN_BUILD_DIR="${CMAKE_BINARY_DIR}"
                             RUNDOWN_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300)
endfunction()
