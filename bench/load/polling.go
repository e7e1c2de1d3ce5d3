package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// A poller is a connection by long-polling. Polls have one TCP connection, which the handshake uses too. A packet that is sent later,
// while a poll waits, has a TCP connection of its own.
type poller struct {
	c       *connection
	address string
	sid     string
	dial    func() (net.Conn, error)
	packets []byte // of the last answer, those that were not returned yet
	joined  bool   // a poll waits most of the time
}

// separator stands between the packets of one answer.
const separator = "\x1e"

// joinByPolling opens a session, and joins the main namespace with token.
func (g *generator) joinByPolling(c *connection, address, token string, dial func() (net.Conn, error)) error {
	c.r = bufio.NewReaderSize(c.Conn, 512)
	c.poll = &poller{c: c, address: address, dial: dial}
	p, err := c.next()
	if err != nil {
		return err
	}
	_, rest, ok := bytes.Cut(p, []byte(`"sid":"`))
	sid, _, ended := bytes.Cut(rest, []byte(`"`))
	if !ok || !ended {
		return fmt.Errorf("an open packet expected, got %.80q", p)
	}
	c.poll.sid = string(sid)
	if err := g.enter(c, token); err != nil {
		return err
	}
	c.poll.joined = true
	return nil
}

// next returns the next packet, and polls if there is none.
func (p *poller) next() ([]byte, error) {
	if len(p.packets) == 0 {
		body, err := p.do(p.c.Conn, p.c.r, http.MethodGet, "", "")
		if err != nil {
			return nil, err
		}
		p.packets = body
	}
	packet, rest, _ := bytes.Cut(p.packets, []byte(separator))
	p.packets = rest
	if len(packet) == 0 {
		return nil, errors.New("an empty answer to a poll")
	}
	return packet, nil
}

// send posts one packet.
func (p *poller) send(packet string) error {
	conn, r, header := p.c.Conn, p.c.r, ""
	if p.joined {
		other, err := p.dial()
		if err != nil {
			return err
		}
		defer other.Close()
		_ = other.SetDeadline(time.Now().Add(handshakeTime))
		conn, r, header = other, bufio.NewReaderSize(other, 512), "Connection: close\r\n"
	}
	body, err := p.do(conn, r, http.MethodPost, header, packet)
	if err == nil && string(body) != "ok" {
		err = fmt.Errorf("the answer to a packet was %.80q", body)
	}
	return err
}

// do sends a request and returns the body of the answer.
func (p *poller) do(conn net.Conn, r *bufio.Reader, method, header, body string) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s /socket.io/?EIO=4&transport=polling", method)
	if p.sid != "" {
		b.WriteString("&sid=" + p.sid)
	}
	fmt.Fprintf(&b, " HTTP/1.1\r\nHost: %s\r\n%s", p.address, header)
	if method == http.MethodPost {
		fmt.Fprintf(&b, "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	if _, err := io.WriteString(conn, b.String()); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s of a poll: %s: %.80q", method, answer.Status, said)
	}
	return said, err
}
