# nacre_embed(TARGET NAMESPACE FILE...): builds text files into TARGET. Each becomes
#   extern const std::string_view NAMESPACE::<extension>;   e.g. nacre::report_assets::css of report.css
# rebuilt when the file changes. Declare them in a header beside the files.
# nacre_embed_files(TARGET NAMESPACE FILE...): the same for files of one kind, in the order given:
#   extern const std::span<const std::pair<std::string_view, std::string_view>> NAMESPACE::files;   // name without extension, text
if(CMAKE_SCRIPT_MODE_FILE AND AS_LIST)
  string(REPLACE "|" ";" inputs "${INPUTS}")
  set(text "#include <span>\n#include <string_view>\n#include <utility>\n\nnamespace ${NAMESPACE} {\n\n")
  set(pair "std::pair<std::string_view, std::string_view>")
  string(APPEND text "static constexpr ${pair} kFiles[] = {\n")
  foreach(input ${inputs})
    get_filename_component(name ${input} NAME_WE)
    file(READ ${input} content)
    string(APPEND text "{\"${name}\", R\"nacre_embed(${content})nacre_embed\"},\n")
  endforeach()
  string(APPEND text "};\nextern const std::span<const ${pair}> files;\nconstinit const std::span<const ${pair}> files = kFiles;\n\n")
  file(WRITE ${OUTPUT} "${text}}  // namespace ${NAMESPACE}\n")
  return()
endif()
if(CMAKE_SCRIPT_MODE_FILE)  # cmake -DNAMESPACE=... -DOUTPUT=... -DINPUTS=a|b -P NacreEmbed.cmake
  string(REPLACE "|" ";" inputs "${INPUTS}")
  set(text "#include <string_view>\n\nnamespace ${NAMESPACE} {\n\n")
  foreach(input ${inputs})
    get_filename_component(name ${input} LAST_EXT)
    string(SUBSTRING ${name} 1 -1 name)
    file(READ ${input} content)
    string(APPEND text "extern const std::string_view ${name};\nconst std::string_view ${name} = R\"nacre_embed(${content})nacre_embed\";\n\n")
  endforeach()
  file(WRITE ${OUTPUT} "${text}}  // namespace ${NAMESPACE}\n")
  return()
endif()

set(NACRE_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(nacre_embed target namespace)
  nacre_embed_as(OFF ${target} ${namespace} ${ARGN})
endfunction()

function(nacre_embed_files target namespace)
  nacre_embed_as(ON ${target} ${namespace} ${ARGN})
endfunction()

function(nacre_embed_as as_list target namespace)
  string(REPLACE "::" "_" stem ${namespace})
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${stem}.cpp)
  set(inputs)
  foreach(file ${ARGN})
    list(APPEND inputs ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  endforeach()
  string(REPLACE ";" "|" joined "${inputs}")
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DNAMESPACE=${namespace} -DOUTPUT=${output} -DAS_LIST=${as_list} "-DINPUTS=${joined}" -P ${NACRE_EMBED_SCRIPT}
    DEPENDS ${inputs} ${NACRE_EMBED_SCRIPT} VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
