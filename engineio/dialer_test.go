package engineio

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// dialOptions say how dialWebSocket connects.
type dialOptions struct {
	Header  http.Header
	Deflate bool // offer permessage-deflate
	TLS     *tls.Config
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// dialWebSocket opens a WebSocket, and returns what the server has sent after
// its response already.
func dialWebSocket(ctx context.Context, rawURL string, opts dialOptions) (conn net.Conn, early []byte, err error) {
	var refused *RefusedError
	dialer := ws.Dialer{
		Host:      opts.Header.Get("Host"),
		TLSConfig: opts.TLS,
		NetDial:   opts.NetDial,
		OnStatusError: func(status int, _ []byte, response io.Reader) {
			refused = &RefusedError{Status: status}
			if r, err := http.ReadResponse(bufio.NewReader(response), nil); err == nil {
				defer r.Body.Close()
				text, _ := io.ReadAll(r.Body) // as much as there is
				refused.Message = strings.TrimSpace(string(text))
			}
		},
	}
	if len(opts.Header) > 0 {
		header := opts.Header.Clone()
		header.Del("Host")
		dialer.Header = ws.HandshakeHeaderHTTP(header)
	}
	if opts.Deflate {
		dialer.Extensions = append(dialer.Extensions, wsflate.Parameters{ClientMaxWindowBits: 1}.Option())
	}
	conn, rest, _, err := dialer.Dial(ctx, rawURL)
	switch {
	case refused != nil:
		return nil, nil, refused
	case err != nil:
		return nil, nil, fmt.Errorf("dial: %w", err)
	}
	if rest != nil {
		early, _ = rest.Peek(rest.Buffered())
		early = bytes.Clone(early)
		ws.PutReader(rest)
	}
	return conn, early, nil
}
