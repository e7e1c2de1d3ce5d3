package console

import (
	"embed"
	"net/http"
)

//go:embed operators
var operatorFiles embed.FS

// sharedFiles are the files of the other page that the page of operators also has.
var sharedFiles = []string{"/dom.js", "/icon.svg", "/style.css"}

// Operators returns a handler that serves the page of operators at "/", with its files, and
// calls api, the handler of admin.New, for all other paths. The page shows the sockets, updates
// them as they come and go, and has buttons for the actions of the API. It takes the operator's
// token from a form, keeps it in its memory only, and sends it in the Authorization header, so
// that pages of other origins cannot act for the operator. It has the policies of Handler
// without other servers.
func Operators(api http.Handler) (http.Handler, error) {
	page, files := map[string]file{}, map[string]file{}
	if err := addFiles(page, pageFiles, "page"); err != nil {
		return nil, err
	}
	for _, name := range sharedFiles {
		files[name] = page[name]
	}
	if err := addFiles(files, operatorFiles, "operators"); err != nil {
		return nil, err
	}
	files["/"] = files["/index.html"]
	delete(files, "/index.html")
	policy := contentSecurityPolicy(false)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := files[r.URL.Path]; !ok {
			api.ServeHTTP(w, r)
			return
		}
		serve(w, r, files, policy)
	}), nil
}
