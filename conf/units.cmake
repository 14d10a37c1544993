# The units of systemd, from one text: that of the one gateway of a machine, and
# the template of which each instance is made where there are several.
#   cmake -D OUT=FOLDER -P conf/units.cmake

set(WHAT "")
set(UNIT sallyport)
set(CONF sallyport)
set(RUN sallyport)
configure_file(${CMAKE_CURRENT_LIST_DIR}/sallyport.service.in ${OUT}/sallyport.service @ONLY)

set(WHAT ", instance %i")
set(UNIT sallyport@NAME)
set(CONF %i)
set(RUN sallyport-%i)
configure_file(${CMAKE_CURRENT_LIST_DIR}/sallyport.service.in ${OUT}/sallyport@.service @ONLY)
