/* The same path as in the rescue system and Debian's base. */
#define SFTPSERVER_PATH "/usr/lib/sftp-server"
