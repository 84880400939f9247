package ingress

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// front serves an ingress for any host whose endpoints are these.
func front(t *testing.T, endpoints ...string) *httptest.Server {
	t.Helper()
	made := &table{routes: []route{{path: "/", endpoints: endpoints}}}
	server := httptest.NewServer(newHandler(func() *table { return made }))
	t.Cleanup(server.Close)
	return server
}

func echo(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		io.WriteString(w, strings.Join([]string{r.Method, r.Host, r.URL.Path, r.Header.Get("X-Forwarded-Host"), string(body)}, " "))
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// gone is an address at which nobody listens any more.
func gone(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// rude takes a connection and cuts it off before it answers.
func rude(t *testing.T) string {
	t.Helper()
	address, _ := countingRude(t)
	return address
}

func countingRude(t *testing.T) (string, *atomic.Int32) {
	t.Helper()
	taken := &atomic.Int32{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			taken.Add(1)
			connection.Close()
		}
	}()
	return listener.Addr().String(), taken
}

func answer(t *testing.T, response *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(body))
}

func TestHostPathAndBodyArriveAsTheyWereSent(t *testing.T) {
	server := front(t, echo(t))
	request, _ := http.NewRequest(http.MethodPost, server.URL+"/cart", strings.NewReader("two pears"))
	request.Host = "web.example.org"
	response, err := server.Client().Do(request)
	if status, body := answer(t, response, err); status != 200 || body != "POST web.example.org /cart web.example.org two pears" {
		t.Fatal(status, body)
	}
}

func TestARequestThatNobodyTookGoesToAnotherEndpointWithItsBody(t *testing.T) {
	server := front(t, gone(t), echo(t), gone(t))
	for range 6 {
		response, err := server.Client().Post(server.URL+"/", "text/plain", strings.NewReader("two pears"))
		if status, body := answer(t, response, err); status != 200 || !strings.HasSuffix(body, "two pears") {
			t.Fatal(status, body)
		}
	}
}

func TestAnEndpointThatCameMeanwhileIsTriedToo(t *testing.T) {
	before := &table{routes: []route{{path: "/", endpoints: []string{gone(t)}}}}
	after := &table{routes: []route{{path: "/", endpoints: []string{echo(t)}}}}
	looks := 0
	server := httptest.NewServer(newHandler(func() *table {
		if looks++; looks > 2 { // one for the route, one for the first attempt
			return after
		}
		return before
	}))
	t.Cleanup(server.Close)
	response, err := server.Client().Post(server.URL+"/", "text/plain", strings.NewReader("two pears"))
	if status, body := answer(t, response, err); status != 200 || !strings.HasSuffix(body, "two pears") {
		t.Fatal(status, body)
	}
}

func TestAReadThatWasCutOffIsSentToAnotherEndpoint(t *testing.T) {
	server := front(t, rude(t), echo(t))
	for range 6 {
		response, err := server.Client().Get(server.URL + "/")
		if status, body := answer(t, response, err); status != 200 {
			t.Fatal(status, body)
		}
	}
}

func TestAWriteThatWasCutOffIsNotSentAgain(t *testing.T) {
	server := front(t, rude(t), echo(t))
	cutOff := 0
	for range 6 {
		response, err := server.Client().Post(server.URL+"/", "text/plain", strings.NewReader("two pears"))
		if status, _ := answer(t, response, err); status == 502 {
			cutOff++
		}
	}
	if cutOff != 3 {
		t.Fatalf("%d of 6 were cut off, though every second endpoint does so", cutOff)
	}
}

func TestNoEndpointIsTriedTwice(t *testing.T) {
	address, taken := countingRude(t)
	server := front(t, address)
	response, err := server.Client().Get(server.URL + "/")
	if status, body := answer(t, response, err); status != 502 || taken.Load() != 1 {
		t.Fatal(status, body, taken.Load())
	}
}

func TestWithoutReadyEndpointsTheAnswerIs503(t *testing.T) {
	server := front(t)
	response, err := server.Client().Get(server.URL + "/")
	if status, body := answer(t, response, err); status != 503 || body != "the service has no ready endpoint" {
		t.Fatal(status, body)
	}
}

// closing is a body that is closed as soon as it was read to its end, as a server's is once the answer begins.
type closing struct {
	rest   io.Reader
	closed bool
}

func (c *closing) Read(buffer []byte) (int, error) {
	if c.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	count, err := c.rest.Read(buffer)
	c.closed = err == io.EOF
	return count, err
}

func TestABodyThatHasEndedStaysEnded(t *testing.T) {
	body := &kept{body: &closing{rest: strings.NewReader("pears")}}
	if read, err := io.ReadAll(body); err != nil || string(read) != "pears" {
		t.Fatalf("read %q, %v", read, err)
	}
	if count, err := body.Read(make([]byte, 1)); count != 0 || err != io.EOF {
		t.Fatalf("after its end: %d, %v", count, err)
	}
}
