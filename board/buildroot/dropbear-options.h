/* Where the ramdisk and Debian's base have it too. */
#define SFTPSERVER_PATH "/usr/lib/sftp-server"
