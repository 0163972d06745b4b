################################################################################
#
# nodejs-prebuilt
#
################################################################################

ifeq ($(BR2_x86_64),y)
NODEJS_PREBUILT_ARCH = x64
else ifeq ($(BR2_aarch64),y)
NODEJS_PREBUILT_ARCH = arm64
else
NODEJS_PREBUILT_ARCH = armv7l
endif

NODEJS_PREBUILT_VERSION = $(NODEJS_COMMON_VERSION)
NODEJS_PREBUILT_SITE = $(NODEJS_COMMON_SITE)
NODEJS_PREBUILT_SOURCE = node-v$(NODEJS_PREBUILT_VERSION)-linux-$(NODEJS_PREBUILT_ARCH).tar.xz
NODEJS_PREBUILT_DL_SUBDIR = nodejs
NODEJS_PREBUILT_LICENSE = $(NODEJS_LICENSE)
NODEJS_PREBUILT_LICENSE_FILES = LICENSE
NODEJS_PREBUILT_CPE_ID_VENDOR = $(NODEJS_CPE_ID_VENDOR)
NODEJS_PREBUILT_CPE_ID_PRODUCT = $(NODEJS_CPE_ID_PRODUCT)

define NODEJS_PREBUILT_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 755 $(@D)/bin/node $(TARGET_DIR)/usr/bin/node
endef

$(eval $(generic-package))
