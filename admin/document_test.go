package admin_test

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// openAPI is the part of the document that the tests read.
type openAPI struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]*schema }
}

type operation struct {
	Responses map[string]struct {
		Content map[string]struct{ Schema *schema }
	}
}

// schema has the keywords of JSON Schema that the document uses. Others fail the decoding, so
// that no keyword goes unchecked.
type schema struct {
	Ref         string             `json:"$ref"`
	Type        string             `json:"type"`
	Properties  map[string]*schema `json:"properties"`
	Required    []string           `json:"required"`
	Additional  json.RawMessage    `json:"additionalProperties"`
	Items       *schema            `json:"items"`
	Enum        []string           `json:"enum"`
	Pattern     string             `json:"pattern"`
	Format      string             `json:"format"`
	Minimum     *float64           `json:"minimum"`
	Description string             `json:"description"`
	Default     any                `json:"default"`
}

func readDocument(t *testing.T) *openAPI {
	t.Helper()
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var d openAPI
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	var components struct {
		Components struct{ Schemas json.RawMessage }
	}
	if err := json.Unmarshal(text, &components); err != nil {
		t.Fatal(err)
	}
	strict := json.NewDecoder(strings.NewReader(string(components.Components.Schemas)))
	strict.DisallowUnknownFields()
	if err := strict.Decode(new(map[string]*schema)); err != nil {
		t.Fatalf("a schema has a keyword that the tests do not check: %v", err)
	}
	return &d
}

// checkResponse checks that the document describes a response.
func checkResponse(t *testing.T, r *http.Request, response *http.Response, body []byte) {
	t.Helper()
	d := readDocument(t)
	op, ok := d.operation(r.Method, r.URL.Path)
	if !ok { // 404 and 405 of the mux
		if response.StatusCode != http.StatusNotFound && response.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s %s is not in the document", r.Method, r.URL.Path)
		}
		return
	}
	described, ok := op.Responses[fmt.Sprint(response.StatusCode)]
	if !ok {
		t.Errorf("%s %s: status %d is not in the document", r.Method, r.URL.Path, response.StatusCode)
		return
	}
	if len(described.Content) == 0 {
		if len(body) > 0 {
			t.Errorf("%s %s: a body that is not in the document: %s", r.Method, r.URL.Path, body)
		}
		return
	}
	mediaType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	content, ok := described.Content[mediaType]
	if !ok {
		t.Errorf("%s %s: media type %q is not in the document", r.Method, r.URL.Path, mediaType)
		return
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		return
	}
	if err := d.check(content.Schema, value); err != nil {
		t.Errorf("%s %s: the response is not as in the document: %v\n%s", r.Method, r.URL.Path, err, body)
	}
}

// operation returns the operation for a request.
func (d *openAPI) operation(method, path string) (operation, bool) {
	for template, methods := range d.Paths {
		pattern := "^" + regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(template), "[^/]+") + "$"
		if op, ok := methods[strings.ToLower(method)]; ok && regexp.MustCompile(pattern).MatchString(path) && (path == template || strings.Contains(template, "{")) {
			if other, exact := d.Paths[path][strings.ToLower(method)]; exact {
				return other, true
			}
			return op, true
		}
	}
	return operation{}, false
}

// check checks a value against a schema.
func (d *openAPI) check(s *schema, value any) error {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		if s = d.Components.Schemas[name]; s == nil {
			return fmt.Errorf("no schema %s", name)
		}
	}
	if s.Ref == "" && s.Type == "" && len(s.Enum) == 0 { // any value
		return nil
	}
	switch v := value.(type) {
	case map[string]any:
		return d.checkObject(s, v)
	case []any:
		for _, item := range v {
			if s.Type != "array" {
				return fmt.Errorf("an array, want %s", s.Type)
			}
			if err := d.check(s.Items, item); err != nil {
				return err
			}
		}
	case string:
		return checkString(s, v)
	case float64:
		if s.Type != "integer" || v != float64(int64(v)) || s.Minimum != nil && v < *s.Minimum {
			return fmt.Errorf("number %v, want %s", v, s.Type)
		}
	case bool:
		if s.Type != "boolean" {
			return fmt.Errorf("a boolean, want %s", s.Type)
		}
	default:
		return fmt.Errorf("%v is not expected", value)
	}
	return nil
}

func (d *openAPI) checkObject(s *schema, object map[string]any) error {
	if s.Type != "object" {
		return fmt.Errorf("an object, want %s", s.Type)
	}
	for _, name := range s.Required {
		if _, ok := object[name]; !ok {
			return fmt.Errorf("no member %s", name)
		}
	}
	for name, value := range object {
		property := s.Properties[name]
		if property == nil && len(s.Additional) > 0 && string(s.Additional) != "false" {
			property = new(schema)
			if err := json.Unmarshal(s.Additional, property); err != nil {
				return err
			}
		}
		switch {
		case property != nil:
			if err := d.check(property, value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		case string(s.Additional) == "false":
			return fmt.Errorf("unknown member %s", name)
		}
	}
	return nil
}

func checkString(s *schema, v string) error {
	switch {
	case s.Type != "string":
		return fmt.Errorf("a string, want %s", s.Type)
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, v):
		return fmt.Errorf("%q is not one of %v", v, s.Enum)
	case s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(v):
		return fmt.Errorf("%q does not match %s", v, s.Pattern)
	case s.Format == "date-time":
		_, err := time.Parse(time.RFC3339Nano, v)
		return err
	}
	return nil
}

// Every operation of the document is served, and the document is served as it is.
func TestDocument(t *testing.T) {
	f := newFixture(t)
	d := readDocument(t)
	if !strings.HasPrefix(d.OpenAPI, "3.1.") {
		t.Errorf("openapi is %q", d.OpenAPI)
	}
	for path, methods := range d.Paths {
		for method := range methods {
			r := httptest.NewRequest(strings.ToUpper(method), strings.ReplaceAll(path, "{id}", "x"), nil)
			w := httptest.NewRecorder()
			f.api.ServeHTTP(w, r)
			if w.Code == http.StatusNotFound || w.Code == http.StatusMethodNotAllowed {
				t.Errorf("%s %s is in the document, but not served", method, path)
			}
			if wantsToken := path != "/openapi.json"; wantsToken != (w.Code == http.StatusUnauthorized) {
				t.Errorf("%s %s without a token: status %d", method, path, w.Code)
			}
		}
	}
	var served openAPI
	f.callAs("", "GET", "/openapi.json", "", http.StatusOK, &served)
	if len(served.Paths) != len(d.Paths) {
		t.Errorf("the served document has %d paths, want %d", len(served.Paths), len(d.Paths))
	}
}
