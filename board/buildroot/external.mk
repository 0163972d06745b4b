include $(sort $(wildcard $(BR2_EXTERNAL_APP_PLATFORM_PATH)/package/*/*.mk))

ifeq ($(BR2_APP_PLATFORM),y)

APP_PLATFORM_BOARD = $(BR2_EXTERNAL_APP_PLATFORM_PATH)/..
APP_PLATFORM_TARGET = $(call qstrip,$(BR2_APP_PLATFORM_TARGET))

# Our kernel options are for allnoconfig: what they do not name is off. Buildroot would start from
# each option's default.
LINUX_KCONFIG_DEFCONFIG = $(shell cat $(LINUX_KCONFIG_FILE) $(LINUX_KCONFIG_FRAGMENT_FILES) \
	>$(LINUX_DIR)/app-platform.config)KCONFIG_ALLCONFIG=app-platform.config allnoconfig

# Device trees by the names in board/<target>/device-trees, whichever folders the kernel has them in.
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

# psql finds the server where ours listens: Debian's place, not /tmp, in which anybody could listen.
define APP_PLATFORM_POSTGRESQL_SOCKET
	$(SED) 's,^\(#define DEFAULT_PGSOCKET_DIR *\)"/tmp",\1"/var/run/postgresql",' \
		$(@D)/src/include/pg_config_manual.h
	grep -q '"/var/run/postgresql"' $(@D)/src/include/pg_config_manual.h
endef
POSTGRESQL_POST_PATCH_HOOKS += APP_PLATFORM_POSTGRESQL_SOCKET

# Buildroot compiles HAProxy for no system in particular: with poll, which looks at all 10,000
# connections each time. Linux and glibc have epoll and the rest. Of passwords it checks none.
HAPROXY_MAKE_OPTS += TARGET=linux-glibc USE_LIBCRYPT= USE_CRYPT_H=
# HAProxy counts on signed integers that wrap around. The option for it is in its own CFLAGS, which
# Buildroot's take the place of; without it, HAProxy does not start.
HAPROXY_CFLAGS += -fwrapv

# Where Debian's gdb has it too: /etc/gdb/gdbinit makes core files of what a process uses.
GDB_CONF_OPTS += --with-system-gdbinit=/etc/gdb/gdbinit

endif
