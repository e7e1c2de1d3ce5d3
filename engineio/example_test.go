package engineio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"socketiojwt/engineio"
	"socketiojwt/internal/engineclient"
)

// echo answers each message with the same message.
type echo struct{ s *engineio.Session }

func (e echo) Message(data []byte, binary bool) {
	if binary {
		e.s.Send(engineio.NewBinaryMessage(bytes.Clone(data)))
		return
	}
	e.s.Send(engineio.NewMessage(bytes.Clone(data))) // data is valid only during the call
}

func (e echo) Closed(reason engineio.Reason) { fmt.Println("closed:", reason) }

// exchange is a client: it sends a message and prints the answer.
func exchange(url, message string) {
	ctx := context.Background()
	c, err := engineclient.Dial(ctx, url, engineclient.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.Send(ctx, []byte(message)); err != nil {
		log.Fatal(err)
	}
	data, _, err := c.Receive(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("received:", string(data))
}

func ExampleNewServer() {
	srv, err := engineio.NewServer(func(s *engineio.Session, r *http.Request) engineio.Conn {
		return echo{s}
	}, engineio.Options{})
	if err != nil {
		log.Fatal(err)
	}
	web := httptest.NewServer(srv) // or http.Handle("/engine.io/", srv)
	defer web.Close()

	exchange(web.URL, "hello")
	if err := srv.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// received: hello
	// closed: transport close
}

// A message for many sessions is encoded once for each transport.
func ExampleMessage() {
	m := engineio.NewMessage([]byte("news"), []byte{1, 2, 3})
	for _, s := range []*engineio.Session{ /* the recipients */ } {
		if err := s.Send(m); errors.Is(err, engineio.ErrSlow) {
			log.Print("somebody does not read, and is gone: ", s.RemoteAddr())
		}
	}
}

func ExampleRefusedError() {
	srv, err := engineio.NewServer(func(s *engineio.Session, r *http.Request) engineio.Conn {
		return echo{s}
	}, engineio.Options{
		Allow: func(r *http.Request) error {
			if r.Header.Get("X-Invited") == "" {
				return &engineio.RefusedError{Status: http.StatusPaymentRequired, Message: "by invitation only"}
			}
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	web := httptest.NewServer(srv)
	defer web.Close()
	response, err := http.Get(web.URL + "/engine.io/?EIO=4&transport=polling")
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(response.StatusCode, string(body))
	// Output: 402 {"code":4,"message":"by invitation only"}
}
