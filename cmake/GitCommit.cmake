# cmake -DSOURCE=... -DOUTPUT=... -P GitCommit.cmake: writes the commit as a macro, touching OUTPUT only if it changed.
set(failed 1)
if(EXISTS "${SOURCE}/.git")  # a source archive may lie inside another repository
  execute_process(COMMAND git -C "${SOURCE}" describe --always --abbrev=10 --dirty=+ --exclude=*
                  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
endif()
if(failed)
  set(commit "")
endif()
set(text "#define ALLOT_GIT_COMMIT \"${commit}\"\n")
if(EXISTS "${OUTPUT}")
  file(READ "${OUTPUT}" before)
endif()
if(NOT text STREQUAL "${before}")
  file(WRITE "${OUTPUT}" "${text}")
endif()
