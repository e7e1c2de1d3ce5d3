package load

import (
	"bytes"
	"testing"
)

func TestBrowserHeadersAreAsLarge(t *testing.T) {
	var b bytes.Buffer
	h := browserHeaders("127.0.0.1:40000", 7)
	_ = h.Write(&b)
	if b.Len() < 1300 || b.Len() > 1700 {
		t.Errorf("%d bytes", b.Len())
	}
	if h.Get("Cookie") == browserHeaders("127.0.0.1:40000", 8).Get("Cookie") {
		t.Error("two browsers have the same cookies")
	}
}
