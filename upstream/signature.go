package upstream

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"socketiojwt/internal/mac"
)

// The lengths of a secret, in bytes, as Standard Webhooks recommends.
const (
	minSecret = 24
	maxSecret = 64
)

// maxSecrets bounds the secrets that are used at the same time.
const maxSecrets = 4

// parseSecrets returns the keys of some secrets. Its errors do not show them.
func parseSecrets(secrets []string) ([]*mac.Key, error) {
	if len(secrets) == 0 || len(secrets) > maxSecrets {
		return nil, fmt.Errorf("upstream: there are %d secrets; set 1 to %d, such as the output of openssl rand -base64 32", len(secrets), maxSecrets)
	}
	keys := make([]*mac.Key, 0, len(secrets))
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		switch {
		case err != nil:
			return nil, errors.New("upstream: a secret is not Base64, which may follow whsec_: use the output of openssl rand -base64 32")
		case len(key) < minSecret, len(key) > maxSecret:
			return nil, fmt.Errorf("upstream: a secret has %d bytes, and needs %d to %d: use the output of openssl rand -base64 32", len(key), minSecret, maxSecret)
		}
		keys = append(keys, mac.New(key))
	}
	return keys, nil
}

// sign sets the headers of Standard Webhooks.
func sign(header http.Header, keys []*mac.Key, id string, now time.Time, body []byte) {
	seconds := strconv.FormatInt(now.Unix(), 10)
	signed := make([]byte, 0, len(id)+len(seconds)+2+len(body))
	signed = append(signed, id+"."+seconds+"."...)
	signed = append(signed, body...)
	signatures := make([]string, 0, len(keys))
	for _, key := range keys {
		sum := key.Sum(signed, "")
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(sum[:]))
	}
	header.Set("Webhook-Id", id)
	header.Set("Webhook-Timestamp", seconds)
	header.Set("Webhook-Signature", strings.Join(signatures, " "))
}
