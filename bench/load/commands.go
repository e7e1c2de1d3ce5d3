package load

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// command gives the first node a command, and returns the times that it reports when it is done.
func (g *generator) command(path string) ([]uint32, error) {
	h := http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := h.Get("http://" + g.Cluster.Nodes[0].Commands + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("command %s: %s: %.200s", path, answer.Status, b)
	}
	var said struct{ Took []uint32 }
	return said.Took, json.Unmarshal(b, &said)
}

// published returns how many messages Redis was given.
func (g *generator) published() (n int, err error) {
	c, err := net.DialTimeout("tcp", g.Cluster.Redis, handshakeTime)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(handshakeTime))
	if _, err := io.WriteString(c, "INFO commandstats\r\n"); err != nil {
		return 0, err
	}
	r := bufio.NewReader(c)
	head, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	size, err := strconv.Atoi(strings.Trim(head, "$\r\n"))
	if err != nil {
		return 0, fmt.Errorf("INFO commandstats: %q", head)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); err != nil {
		return 0, err
	}
	return publications(string(text)), nil
}

// publications adds up the calls of the commands that publish, in the text of INFO commandstats.
func publications(text string) (n int) {
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(line, ":calls=")
		switch name {
		case "cmdstat_publish", "cmdstat_spublish", "cmdstat_xadd":
			calls, _, _ := strings.Cut(rest, ",")
			k, _ := strconv.Atoi(calls)
			n += k
		}
	}
	return n
}
