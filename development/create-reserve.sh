#!/bin/sh
# Replaces root's command `create-reserve` on this machine.
exec fallocate --length "$MANAGER_RESERVE_BYTES" "$MANAGER_DATA_DIRECTORY/empty_if_no_space"
