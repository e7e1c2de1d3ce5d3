//go:build !linux

package engineio

import "net"

// sharedWait is only implemented on Linux. Elsewhere each WebSocket that waits has a goroutine.
type sharedWait struct {
	enabled bool
	failure func(error)
}

func (*sharedWait) detach(conn net.Conn) net.Conn { return conn }

func (*sharedWait) watchTLS(*webSocket) {}

func (*sharedWait) endWatchTLS(*secureConn) {}
