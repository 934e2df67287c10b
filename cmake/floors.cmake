# fv_floor(NAME SOURCES a.c b.c [NEEDS lower floors] [LIBS other libraries])
# One folder, one floor, one static library fv_NAME; the public library joins
# them all. Linking follows NEEDS, so an upward call does not link.
function(fv_floor name)
  cmake_parse_arguments(F "" "" "SOURCES;NEEDS;LIBS" ${ARGN})
  add_library(fv_${name} STATIC ${F_SOURCES})
  target_link_libraries(fv_${name} PUBLIC fv_options ${F_LIBS})
  foreach(need ${F_NEEDS})
    target_link_libraries(fv_${name} PUBLIC fv_${need})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY FV_FLOORS fv_${name})
endfunction()

# fv_test(NAME NEEDS floors...): tests/.../NAME.c is a cmocka program.
find_package(PkgConfig REQUIRED)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
function(fv_test name)
  cmake_parse_arguments(T "" "" "NEEDS;SOURCES;LABELS" ${ARGN})
  add_executable(${name} ${name}.c ${T_SOURCES})
  foreach(need ${T_NEEDS})
    target_link_libraries(${name} PRIVATE fv_${need})
  endforeach()
  target_link_libraries(${name} PRIVATE fv_options PkgConfig::CMOCKA)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  # of the files, not of the target: these come last and therefore count
  set_property(SOURCE ${name}.c ${T_SOURCES} APPEND PROPERTY COMPILE_OPTIONS
    -Wno-conversion -Wno-double-promotion)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES
    ENVIRONMENT "FV_TEST_DIR=${PROJECT_SOURCE_DIR}/tests;FV_DATA=${FV_DATA}"
    SKIP_RETURN_CODE 77)
endfunction()
# Data sets beside the project; tests that need them are skipped without.
set(FV_DATA "${PROJECT_SOURCE_DIR}/../shared/data" CACHE PATH
  "folder of data sets for tests; may be absent")
