# Warnings, sanitizers and the libraries everything shares.
add_library(fv_options INTERFACE)
target_compile_options(fv_options INTERFACE
  -Wall -Wextra -Wpedantic -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wshadow -Wconversion -Wvla -Wundef -Wcast-qual
  -Wwrite-strings -Wformat=2 -Wdouble-promotion
  -ffp-contract=off -fvisibility=hidden -fno-math-errno)
target_compile_definitions(fv_options INTERFACE _XOPEN_SOURCE=700)
if(FV_WERROR)
  target_compile_options(fv_options INTERFACE -Werror)
endif()
if(FV_SANITIZE)
  target_compile_options(fv_options INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  target_link_options(fv_options INTERFACE -fsanitize=address,undefined)
endif()
target_include_directories(fv_options INTERFACE
  ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
find_package(OpenMP REQUIRED COMPONENTS C)
target_link_libraries(fv_options INTERFACE OpenMP::OpenMP_C m)
find_package(PkgConfig REQUIRED)
