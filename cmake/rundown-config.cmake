# find_package(rundown): workloads of one's own.
#
#   rundown::headers             <rundown/workload.h> and <rundown/marks.h>, for shared objects and
#                                for programs that only name sites
#   rundown::workload            the same with librundown-workload.a: rundown_workload_run()
#   rundown_add_workload(NAME SOURCE...)
#                                a shared object NAME.so for `rundown run --workload ./NAME.so`
#   RUNDOWN_PROGRAM              path of the rundown that this package came with
get_filename_component(_rundown_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
set(RUNDOWN_PROGRAM "${_rundown_prefix}/bin/rundown")

if(NOT TARGET rundown::headers)
  add_library(rundown::headers INTERFACE IMPORTED)
  set_target_properties(rundown::headers PROPERTIES
                        INTERFACE_INCLUDE_DIRECTORIES "${_rundown_prefix}/include")
  add_library(rundown::workload STATIC IMPORTED)
  set_target_properties(rundown::workload PROPERTIES
                        IMPORTED_LOCATION "${_rundown_prefix}/lib/librundown-workload.a"
                        INTERFACE_LINK_LIBRARIES rundown::headers)
endif()

function(rundown_add_workload name)
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE rundown::headers)
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".so")
endfunction()
