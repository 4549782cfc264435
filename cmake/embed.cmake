# rundown_embed(OUT NAME FILE [NAME FILE]...)
#
# Writes a C source with each file as the string NAME, and its SHA-256 in hexadecimal as
# NAME_hash. Made anew when a file changes.
function(rundown_embed out)
  set(text "/* Generated: files that are embedded. */\n")
  set(rest ${ARGN})
  while(rest)
    list(POP_FRONT rest name file)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} bytes HEX)
    file(SHA256 ${file} hash)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n"
           bytes "${bytes}")
    string(APPEND text "extern const char ${name}[], ${name}_hash[];\n"
                       "const char ${name}[] = {\n${bytes}0};\n"
                       "const char ${name}_hash[] = \"${hash}\";\n")
  endwhile()
  set(source ${CMAKE_BINARY_DIR}/generated/${out}.c)
  file(CONFIGURE OUTPUT ${source} CONTENT "${text}" @ONLY)
endfunction()
