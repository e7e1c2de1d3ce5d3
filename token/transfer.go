package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unique"

	"socketiojwt/internal/wirejson"
)

// transferred is a Token as JSON, for another node.
type transferred struct {
	Version   int        `json:"v"`
	Issuer    string     `json:"iss,omitzero"`
	Subject   string     `json:"sub,omitzero"`
	ID        string     `json:"jti,omitzero"`
	Session   string     `json:"sid,omitzero"`
	Algorithm Algorithm  `json:"alg,omitzero"`
	KeyID     string     `json:"kid,omitzero"`
	Type      string     `json:"typ,omitzero"`
	Hash      []byte     `json:"hash"`
	Until     *time.Time `json:"until"`  // the zero time means never; nil is malformed
	Claims    string     `json:"claims"` // a string, so that RawClaims stays as it was signed
}

const transferVersion = 2

// Export returns a good token in a form that Import reads on another node of a cluster. It
// contains the claims, and not the credential. It is not signed, so send it only where every
// reader and writer is trusted. Export fails for a token that was never good, and may be
// called concurrently.
func Export(t *Token) ([]byte, error) {
	if t == nil || t.until == 0 {
		return nil, errors.New("token: Export of a token that no Verifier and not New has made")
	}
	h, until := t.Header(), t.ValidUntil()
	return json.Marshal(transferred{
		transferVersion, t.Issuer, t.Subject, t.ID, t.SessionID, h.Algorithm, h.KeyID, h.Type, t.Hash[:], &until, t.claims,
	})
}

// Import returns the token that Export has written. The result ends when the original does.
// Import does not verify it: the caller must trust the origin of data. It fails with
// ErrMalformed if data has another form, and may be called concurrently.
func Import(data []byte) (*Token, error) {
	var in transferred
	err := wirejson.UnmarshalKnown(data, &in)
	if err != nil || in.Version != transferVersion || len(in.Hash) != len(Token{}.Hash) || in.Until == nil {
		return nil, fmt.Errorf("%w: not an exported token", ErrMalformed)
	}
	if err := eachMember([]byte(in.Claims), func([]byte, int, int) error { return nil }); err != nil {
		return nil, err
	}
	return &Token{
		Issuer: in.Issuer, Subject: in.Subject, ID: in.ID, SessionID: in.Session, Hash: [len(Token{}.Hash)]byte(in.Hash),
		header: unique.Make(Header{in.Algorithm, in.KeyID, in.Type}), until: endAt(*in.Until), claims: in.Claims,
	}, nil
}
