package engineio

import "syscall"

// tcpNotSentLowat is TCP_NOTSENT_LOWAT, which package syscall does not define.
const tcpNotSentLowat = 25

// limitUnsent sets the bound. Sockets of other kinds than TCP do not support it.
func limitUnsent(fd uintptr) {
	_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLowat, maxUnsent)
}
