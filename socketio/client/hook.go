package client

import (
	"context"

	"socketiojwt/socketio/internal/clienthook"
)

func init() {
	clienthook.CloseOnly = func(c any) { _ = c.(*Client).close(false) }
	clienthook.SendRaw = func(client any, text string) error {
		c := client.(*Client)
		c.mu.Lock()
		l, ended := c.link, c.ended
		c.mu.Unlock()
		switch {
		case ended != nil:
			return ended
		case l == nil:
			return ErrConnectionLost
		}
		return l.send(context.Background(), []byte(text))
	}
}
