include $(sort $(wildcard $(BR2_EXTERNAL_APP_PLATFORM_PATH)/package/*/*.mk))

ifeq ($(BR2_APP_PLATFORM),y)

APP_PLATFORM_BOARD = $(BR2_EXTERNAL_APP_PLATFORM_PATH)/..
APP_PLATFORM_TARGET = $(call qstrip,$(BR2_APP_PLATFORM_TARGET))

# Our kernel options are meant for allnoconfig: all others are off. Buildroot would use the default of
# each option.
LINUX_KCONFIG_DEFCONFIG = $(shell cat $(LINUX_KCONFIG_FILE) $(LINUX_KCONFIG_FRAGMENT_FILES) \
	>$(LINUX_DIR)/app-platform.config)KCONFIG_ALLCONFIG=app-platform.config allnoconfig

# Device trees under the names in board/<target>/device-trees, independent of the kernel's directories.
define APP_PLATFORM_LINUX_DEVICE_TREES
	mkdir -p $(BINARIES_DIR)/dtbs
	sed '/^#/d;/^$$/d' $(APP_PLATFORM_BOARD)/$(APP_PLATFORM_TARGET)/device-trees | \
	while read -r name; do \
		dts=$$(cd $(LINUX_ARCH_PATH)/boot/dts && \
			find . -path "*/$${name%.dtb}.dts" -printf '%P\n' | sort | head -n 1); \
		[ -n "$$dts" ] || { echo "the kernel has no device tree $$name" >&2; exit 1; }; \
		$(LINUX_MAKE_ENV) $(MAKE) $(LINUX_MAKE_FLAGS) -C $(LINUX_DIR) "$${dts%.dts}.dtb" && \
		$(INSTALL) -D -m 644 "$(LINUX_ARCH_PATH)/boot/dts/$${dts%.dts}.dtb" \
			"$(BINARIES_DIR)/dtbs/$$name" || exit 1; \
	done
endef
LINUX_POST_INSTALL_IMAGES_HOOKS += APP_PLATFORM_LINUX_DEVICE_TREES

# The server's socket for psql: Debian's path, not /tmp, where every user could create one.
define APP_PLATFORM_POSTGRESQL_SOCKET
	$(SED) 's,^\(#define DEFAULT_PGSOCKET_DIR *\)"/tmp",\1"/var/run/postgresql",' \
		$(@D)/src/include/pg_config_manual.h
	grep -q '"/var/run/postgresql"' $(@D)/src/include/pg_config_manual.h
endef
POSTGRESQL_POST_PATCH_HOOKS += APP_PLATFORM_POSTGRESQL_SOCKET

# Buildroot compiles HAProxy for a generic system: with poll, which scans all 10,000 connections each time.
# linux-glibc uses epoll. HAProxy checks no passwords here, so it needs no crypt.
HAPROXY_MAKE_OPTS += TARGET=linux-glibc USE_LIBCRYPT= USE_CRYPT_H=
# HAProxy relies on signed integers that wrap around. Its own CFLAGS have the option for that, but Buildroot
# replaces them; without the option, HAProxy does not start.
HAPROXY_CFLAGS += -fwrapv

# The same path as in Debian's gdb: /etc/gdb/gdbinit limits core files to the memory that a process uses.
GDB_CONF_OPTS += --with-system-gdbinit=/etc/gdb/gdbinit

endif
