package load

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

const (
	handshakeTime = 20 * time.Second
	longestFrame  = 1 << 20
)

// handshakeTime is how long opening a connection may take.
func (g *generator) handshakeTime() time.Duration { return max(handshakeTime, g.Patience) }

// errRefused says that the server answered CONNECT with CONNECT_ERROR.
var errRefused = errors.New("refused")

// connection is one connection with the main namespace joined.
type connection struct {
	net.Conn
	r        *bufio.Reader
	buf      []byte // the last message
	protocol Protocol
	lines    []byte    // of the last message, those that were not returned yet (Centrifuge)
	poll     *poller   // nil unless it is by long-polling
	inflater io.Reader // of compressed messages; nil before the first one
	deflated bool      // the last message was compressed
	skims    bool      // only the head of a long message is read (skim)
}

// open dials, upgrades and joins the main namespace with token, from a source address that depends on i: one address has some
// 28,000 ports, and those of closed connections stay taken for a minute. The error is errRefused when CONNECT was refused.
func (g *generator) open(i int, token string) (*connection, error) {
	return g.openAt(g.Address, i, token)
}

// openAt is open for one server of several.
func (g *generator) openAt(address string, i int, token string) (*connection, error) {
	return g.openWith(net.Dialer{}, address, i, token)
}

// openWith is openAt with a dialer, whose deadline and local address it sets.
func (g *generator) openWith(d net.Dialer, address string, i int, token string) (*connection, error) {
	dial := func() (net.Conn, error) {
		d := d // a poller may dial twice at the same time
		d.Deadline, d.LocalAddr = time.Now().Add(g.handshakeTime()), &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%19))}
		return d.DialContext(context.Background(), "tcp", address)
	}
	deadline := time.Now().Add(g.handshakeTime())
	nc, err := dial()
	if err != nil {
		return nil, err
	}
	if g.TLS {
		nc = tls.Client(nc, &tls.Config{InsecureSkipVerify: true}) // the certificate is made for the run
	}
	c := &connection{Conn: nc, protocol: g.Protocol}
	_ = c.SetDeadline(deadline)
	if g.Polling {
		err = g.joinByPolling(c, address, token, dial)
	} else {
		err = g.join(c, address, i, token)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	_ = c.SetDeadline(time.Time{})
	return c, nil
}

func (g *generator) join(c *connection, address string, i int, token string) error {
	u := &url.URL{Scheme: "ws", Host: address, Path: "/socket.io/", RawQuery: "EIO=4&transport=websocket"}
	if g.Via == ViaQuery {
		u.RawQuery += "&token=" + token
	}
	if g.Protocol == Centrifuge {
		u.Path, u.RawQuery = CentrifugePath, ""
	}
	d := ws.Dialer{ReadBufferSize: 1024, WriteBufferSize: 2048}
	if g.Browser {
		d.Header = ws.HandshakeHeaderHTTP(browserHeaders(address, i))
	}
	if g.Deflate {
		d.Extensions = deflateOffer()
	}
	r, shaken, err := d.Upgrade(c.Conn, u)
	if err == nil && g.Deflate {
		err = accepts(shaken.Extensions)
	}
	if err != nil {
		return fmt.Errorf("upgrading: %w", err)
	}
	if r == nil {
		r = bufio.NewReaderSize(c.Conn, 512)
	}
	c.r = r
	if g.Protocol == Centrifuge {
		return c.joinCentrifuge(token)
	}
	if err := c.expect(`0{`); err != nil {
		return err
	}
	return g.enter(c, token)
}

// enter joins the main namespace of an open session.
func (g *generator) enter(c *connection, token string) error {
	connect := "40"
	if g.Via == ViaAuth {
		connect += `{"token":"` + g.Scheme + token + `"}`
	}
	if err := c.send(connect); err != nil {
		return err
	}
	if err := c.expect(`40{"sid":`); err != nil {
		return err
	}
	if g.Via == ViaEvent && token != "" {
		return g.authenticate(c, token)
	}
	return nil
}

// authenticate shows a token by the event "authenticate".
func (g *generator) authenticate(c *connection, token string) error {
	if err := c.send(`42["authenticate",{"token":"` + token + `"}]`); err != nil {
		return err
	}
	p, err := c.next()
	switch {
	case err != nil:
		return err
	case string(p) == `42["authenticated"]`:
		return nil
	case refusal(p):
		return fmt.Errorf("%w: %.200s", errRefused, p)
	default:
		return fmt.Errorf("an answer to authenticate expected, got %.80q", p)
	}
}

// refusal reports whether packet is the event "unauthorized", which may want an acknowledgement, for a bad token.
func refusal(packet []byte) bool {
	event, ok := bytes.CutPrefix(packet, []byte("42"))
	event = bytes.TrimLeft(event, "0123456789")
	return ok && bytes.HasPrefix(event, []byte(`["unauthorized",`)) && bytes.Contains(event, []byte(`"code":"invalid_token"`))
}

// expect reads one packet, which must begin with prefix.
func (c *connection) expect(prefix string) error {
	p, err := c.next()
	if err != nil {
		return err
	}
	return checkPacket(p, prefix)
}

// checkPacket checks that a packet begins with prefix.
func checkPacket(p []byte, prefix string) error {
	switch {
	case strings.HasPrefix(string(p), prefix):
		return nil
	case strings.HasPrefix(string(p), "44{"):
		return fmt.Errorf("%w: %.200s", errRefused, p[2:])
	default:
		return fmt.Errorf("%s... expected, got %.80q", prefix, p)
	}
}

// expectAnswer is expect after the broadcasts that have come before it.
func (c *connection) expectAnswer(prefix string) error {
	for {
		p, err := c.next()
		if err != nil {
			return err
		}
		if _, isBroadcast := sentAt(p); !isBroadcast {
			return checkPacket(p, prefix)
		}
	}
}

// next returns the next packet other than a ping, which it answers. Its bytes are valid until the next call.
func (c *connection) next() ([]byte, error) {
	if c.protocol == Centrifuge {
		return c.nextReply()
	}
	for {
		p, err := c.message()
		if err != nil || string(p) != "2" {
			return p, err
		}
		if err := c.send("3"); err != nil {
			return nil, err
		}
	}
}

// ignore reads until the connection ends.
func (c *connection) ignore() {
	for {
		if _, err := c.next(); err != nil {
			return
		}
	}
}

// message returns the next WebSocket message, or packet of a poll. Its bytes are valid until the next call.
func (c *connection) message() ([]byte, error) {
	if c.poll != nil {
		return c.poll.next()
	}
	c.buf = c.buf[:0]
	c.deflated = false
	for {
		h, err := ws.ReadHeader(c.r)
		if err != nil {
			return nil, err
		}
		if h.Length > longestFrame {
			return nil, fmt.Errorf("a frame of %d bytes", h.Length)
		}
		if c.skims && h.Fin && h.Length > skimmedHead {
			return c.skim(int(h.Length))
		}
		c.deflated = c.deflated || h.Rsv1()
		at, need := len(c.buf), len(c.buf)+int(h.Length)
		if need > cap(c.buf) {
			c.buf = append(make([]byte, 0, need+64), c.buf...)
		}
		c.buf = c.buf[:need]
		if _, err := io.ReadFull(c.r, c.buf[at:]); err != nil {
			return nil, err
		}
		switch {
		case h.OpCode == ws.OpClose:
			if code, reason := ws.ParseCloseFrameData(c.buf[at:]); code == invalidToken {
				return nil, fmt.Errorf("%w: %d %s", errRefused, code, reason)
			}
			return nil, io.EOF
		case h.OpCode == ws.OpPing:
			err = c.write(ws.NewPongFrame(append([]byte(nil), c.buf[at:]...)))
			c.buf = c.buf[:at]
		case h.OpCode == ws.OpPong:
			c.buf = c.buf[:at]
		case !h.Fin:
		case c.deflated:
			return c.inflate(c.buf)
		default:
			return c.buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (c *connection) send(packet string) error {
	if c.poll != nil {
		return c.poll.send(packet)
	}
	_, err := c.Write(textFrame(packet))
	return err
}

func (c *connection) write(f ws.Frame) error {
	_, err := c.Write(frame(f))
	return err
}

// frame returns the bytes of a client's frame. It changes the payload.
func frame(f ws.Frame) []byte { return ws.MustCompileFrame(ws.MaskFrameInPlace(f)) }

func textFrame(packet string) []byte { return frame(ws.NewTextFrame([]byte(packet))) }

// close ends the connection as a browser's page does that goes away: a close frame, then TCP.
func (c *connection) close() {
	if c.r != nil && c.poll == nil {
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		_ = c.write(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusGoingAway, "")))
	}
	_ = c.Close()
}
