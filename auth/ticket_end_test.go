package auth

import (
	"errors"
	"testing"
	"time"

	"socketiojwt/internal/wirejson"
	"socketiojwt/token"
)

// The ticket of another node must say when its lease ends, because that may be earlier than the
// end of the token.
func TestTicketOfAnotherNodeHasAnEnd(t *testing.T) {
	good, err := token.New("opaque", []byte(`{"sub":"ada"}`), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	exported, err := token.Export(good)
	if err != nil {
		t.Fatal(err)
	}
	for until, ok := range map[string]bool{`"until":"2100-01-01T00:00:00Z",`: true, `"until":null,`: false, ``: false} {
		var told ticketTold
		if err := wirejson.UnmarshalKnown([]byte(`{`+until+`"namespace":"/","token":`+string(exported)+`}`), &told); err != nil {
			t.Fatal(err)
		}
		if got, err := told.ticket(); (err == nil) != ok || !ok && (got != nil || !errors.Is(err, errTicket)) {
			t.Errorf("%s: %v, %v", until, got, err)
		}
	}
}
