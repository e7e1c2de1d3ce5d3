package load

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws/wsflate"
)

// deflateOffer asks a server for permessage-deflate, each message of which is compressed by itself (RFC 7692).
func deflateOffer() []httphead.Option {
	return []httphead.Option{wsflate.Parameters{ServerNoContextTakeover: true, ClientNoContextTakeover: true}.Option()}
}

// accepts returns an error unless a server has accepted the offer.
func accepts(extensions []httphead.Option) error {
	for _, e := range extensions {
		if string(e.Name) == wsflate.ExtensionName {
			return nil
		}
	}
	return errors.New("the server did not accept permessage-deflate")
}

// inflate returns what a compressed message says, for which it uses buf.
func (c *connection) inflate(message []byte) ([]byte, error) {
	const tail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff" // what the sender leaves out, and an empty last block
	from := io.MultiReader(bytes.NewReader(message), strings.NewReader(tail))
	if c.inflater == nil {
		c.inflater = flate.NewReader(from)
	} else if err := c.inflater.(flate.Resetter).Reset(from, nil); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(c.inflater, longestFrame)); err != nil {
		return nil, fmt.Errorf("a compressed message: %w", err)
	}
	return b.Bytes(), nil
}

// filler returns n bytes of words, always the same ones.
func filler(n int) string {
	const words = "the a of room user message joined left token score price sold open delivered seconds later answer"
	all := strings.Fields(words)
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%s %d ", all[random.IntN(len(all))], random.IntN(1000))
	}
	return b.String()[:n]
}
