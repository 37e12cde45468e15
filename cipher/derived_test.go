package cipher

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"testing"
)

// derived is testdata/derived-v1.json, the known answers of testdata/derive.py
// for what has to be the same bytes on every machine. As in [vectors], a field
// that is not here fails the decoding.
type derived struct {
	About  string
	Clouds []struct {
		Key       hexBytes
		VaultID   hexBytes `json:"vault_id"`
		CloudID   hexBytes `json:"cloud_id"`
		Suite     Suite
		ChunkLog2 uint8 `json:"chunk_log2"`
		PRK       hexBytes
	}
	Salts []struct {
		Cloud    int
		FileID   hexBytes `json:"file_id"`
		CommitID hexBytes `json:"commit_id"`
		Salt     hexBytes
	}
	ConflictIDs []struct {
		FileID     hexBytes `json:"file_id"`
		CommitID   hexBytes `json:"commit_id"`
		ConflictID hexBytes `json:"conflict_id"`
	} `json:"conflict_ids"`
	ConflictNames []struct {
		Name         hexBytes
		MtimeS       int64    `json:"mtime_s"`
		CommitID     hexBytes `json:"commit_id"`
		ConflictName hexBytes `json:"conflict_name"`
	} `json:"conflict_names"`
	Settled []derivedSettlement
	Files   []derivedFile
	Headers []derivedHeader
	Batches []derivedBatch

	BatchIDs []struct {
		Writer  uint32
		Counter uint64
		Name    string
		FileID  hexBytes `json:"file_id"`
		Entries []string
	} `json:"batch_ids"`
}

type derivedHeader struct {
	vectorHeader
	Cloud    int
	Why      string
	SaltFrom string `json:"salt_from"`
}

type derivedFile struct {
	derivedHeader
	Pattern      hexBytes
	Holes        []int64
	WriteIDs     []hexBytes `json:"write_ids"`
	CipherSize   int64      `json:"cipher_size"`
	CipherSHA256 hexBytes   `json:"cipher_sha256"`
	Cipher       hexBytes
}

type derivedBatch struct {
	Why     string
	Content hexBytes
	Entries []struct {
		Kind    RemovalKind
		ID      hexBytes
		Version [][2]uint64
		Seconds int64
		Path    hexBytes
	}
	Ends   string
	Unread int
}

type derivedSettlement struct {
	Why     string
	Headers []vectorHeader
	Winner  int
	Version [][2]uint64
	Losers  []struct {
		Place   int
		Version [][2]uint64
	}
}

func loadDerived(t testing.TB) *derived {
	t.Helper()
	raw, err := os.ReadFile("testdata/derived-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	d := new(derived)
	if err := decoder.Decode(d); err != nil {
		t.Fatal(err)
	}
	for field, n := range map[string]int{
		"clouds": len(d.Clouds), "salts": len(d.Salts), "ids": len(d.ConflictIDs), "names": len(d.ConflictNames), "settled": len(d.Settled),
		"files": len(d.Files), "headers": len(d.Headers), "batches": len(d.Batches), "batch ids": len(d.BatchIDs),
	} {
		if n == 0 {
			t.Fatalf("the known answers have no %s", field)
		}
	}
	return d
}

func (d *derived) cloud(t testing.TB, i int) *Cloud {
	t.Helper()
	key := Key(d.Clouds[i].Key)
	c, err := NewCloud(CloudParams{
		Key: &key, VaultID: d.Clouds[i].VaultID.id(), CloudID: d.Clouds[i].CloudID.id(),
		Suite: d.Clouds[i].Suite, ChunkLog2: d.Clouds[i].ChunkLog2,
	})
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "PRK", c.prk, d.Clouds[i].PRK)
	return c
}

func vectorOf(pairs [][2]uint64) (v Vector) {
	for _, e := range pairs {
		v = append(v, Version{uint32(e[0]), e[1]})
	}
	return v
}

func TestDerivedSalts(t *testing.T) {
	d := loadDerived(t)
	for _, want := range d.Salts {
		f, err := d.cloud(t, want.Cloud).NewRepairFile(TypeSymlink, want.FileID.id(), want.CommitID.id())
		if err != nil {
			t.Fatal(err)
		}
		salt := f.Salt()
		wantBytes(t, "salt", salt[:], want.Salt)
		if f.Type() != TypeSymlink {
			t.Errorf("keys of a %v", f.Type())
		}
	}
	if _, err := d.cloud(t, 0).NewRepairFile(2, ID{}, ID{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("type 2: %v", err)
	}
}

// keys are those of the backing file that a header is for.
func (h *derivedHeader) keys(t *testing.T, c *Cloud) *File {
	t.Helper()
	f, err := c.NewFile(h.Type, h.Salt.salt())
	if h.SaltFrom == "heal" {
		f, err = c.NewRepairFile(h.Type, h.FileID.id(), h.CommitID.id())
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// check seals the header in the way that it was made, and opens it.
func (h *derivedHeader) check(t *testing.T, c *Cloud) {
	t.Helper()
	f := h.keys(t, c)
	var raw []byte
	var err error
	switch h.SaltFrom {
	case "heal", "kept":
		raw, err = f.SealRepairHeader(h.header())
		wantBytes(t, "IV", raw[headerIV:headerPayload], h.IV)
	case "drawn":
		raw, err = f.sealHeader(h.header(), (*[IVSize]byte)(h.IV))
	default:
		t.Fatalf("nobody knows a salt that is %s", h.SaltFrom)
	}
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "header", raw, h.Header)
	opened, _, err := c.OpenHeader(raw)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%+v", opened), fmt.Sprintf("%+v", h.header()); got != want {
		t.Errorf("opened %s, want %s", got, want)
	}
}

func TestDerivedHeaders(t *testing.T) {
	d := loadDerived(t)
	ivs := map[string]string{}
	for _, want := range d.Headers {
		what := fmt.Sprintf("%s, cloud %d", want.Why, want.Cloud)
		t.Run(what, func(t *testing.T) {
			want.check(t, d.cloud(t, want.Cloud))
			if other, ok := ivs[string(want.IV)]; ok {
				t.Errorf("the IV is that of %s", other)
			}
			ivs[string(want.IV)] = what
		})
	}
}

func TestDerivedFiles(t *testing.T) {
	d := loadDerived(t)
	from := map[string]int{}
	for i, want := range d.Files {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			c := d.cloud(t, want.Cloud)
			want.check(t, c)
			from[want.SaltFrom]++
			f := want.keys(t, c)
			ids, states := make([]WriteID, len(want.WriteIDs)), make([]RecordState, len(want.WriteIDs))
			var plain []byte
			if want.Length > 0 {
				plain = repeat(want.Pattern, want.Length)
			}
			for j, id := range want.WriteIDs {
				ids[j], states[j] = id.writeID(), RecordOK
			}
			for _, hole := range want.Holes {
				clear(f.chunk(plain, int(hole)))
				states[hole] = RecordHole
			}
			sealed := make([]byte, want.CipherSize)
			copy(sealed, want.Header)
			sealRuns(t, f, sealed[HeaderSize:], plain, ids)
			wantSum(t, "backing file", sealed, want.CipherSHA256)
			if want.Cipher != nil {
				wantBytes(t, "backing file", sealed, want.Cipher)
			}
			wantOpen(t, f, opened{plain, ids, states}, sealed[HeaderSize:], 0)
			var acc Acc
			f.Terms(&acc, 0, ids, states)
			wantBytes(t, "acc", acc[:], want.Acc)
			if want.Type == TypeGone {
				want.checkBatch(t, c, plain)
			}
		})
	}
	if from["heal"] == 0 || from["drawn"] == 0 {
		t.Errorf("files with salts from %v", from)
	}
}

// checkBatch reads a batch as a machine does that finds it.
func (h *derivedHeader) checkBatch(t *testing.T, c *Cloud, content []byte) {
	t.Helper()
	if err := c.CheckGone(GoneEntry(h.header().Version[0]), h.header()); err != nil {
		t.Error(err)
	}
	removals, err := ParseRemovals(content)
	if err != nil || (len(removals) == 0) != (len(content) == 0) {
		t.Errorf("%d removals, %v", len(removals), err)
	}
}

func TestDerivedConflicts(t *testing.T) {
	d := loadDerived(t)
	for _, want := range d.ConflictIDs {
		id := ConflictID(want.FileID.id(), want.CommitID.id())
		wantBytes(t, "conflict id", id[:], want.ConflictID)
	}
	for _, want := range d.ConflictNames {
		got := ConflictName(PlainName(want.Name), want.MtimeS, want.CommitID.id())
		if string(got) != string(want.ConflictName) {
			t.Errorf("%q at %d becomes\n%q, want\n%q", want.Name, want.MtimeS, got, want.ConflictName)
		}
	}
}

func TestDerivedSettlements(t *testing.T) {
	for _, test := range loadDerived(t).Settled {
		var headers []*Header
		for i := range test.Headers {
			h := &test.Headers[i]
			headers = append(headers, &Header{CommitID: h.CommitID.id(), MtimeSec: h.MtimeS, MtimeNsec: h.MtimeNs, Version: vectorOf(h.Version)})
		}
		want := Settlement{Winner: test.Winner, Version: vectorOf(test.Version)}
		for _, l := range test.Losers {
			want.Losers = append(want.Losers, Loser{l.Place, vectorOf(l.Version)})
		}
		if got := Settle(headers); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", test.Why, got, want)
		}
	}
}

func TestDerivedBatchIDs(t *testing.T) {
	d := loadDerived(t)
	for _, want := range d.BatchIDs {
		v := Version{want.Writer, want.Counter}
		if got := GoneEntry(v); string(got) != want.Name {
			t.Errorf("batch %v is named %s, want %s", v, got, want.Name)
		}
		if got, err := ParseGoneEntry(PlainName(want.Name)); err != nil || got != v {
			t.Errorf("ParseGoneEntry(%s) = %v, %v", want.Name, got, err)
		}
		id := GoneID(d.Clouds[0].VaultID.id(), v)
		wantBytes(t, "file id", id[:], want.FileID)
		for i, entry := range want.Entries {
			if n := encode(t, d.cloud(t, i), GoneEntry(v)); string(n.For(TypeGone)) != entry {
				t.Errorf("entry %s, want %s", n.For(TypeGone), entry)
			}
		}
	}
}

func TestDerivedBatches(t *testing.T) {
	ends := map[string]error{"whole": nil, "damaged": ErrDamaged, "newer": ErrNewer}
	seen := map[string]int{}
	for _, want := range loadDerived(t).Batches {
		seen[want.Ends]++
		var removals []Removal
		for _, e := range want.Entries {
			removals = append(removals, Removal{e.Kind, e.ID.id(), vectorOf(e.Version), e.Seconds, string(e.Path)})
		}
		got, err := ParseRemovals(want.Content)
		if !reflect.DeepEqual(got, removals) || !errors.Is(err, ends[want.Ends]) || (err == nil) != (want.Ends == "whole") {
			t.Errorf("%s: %+v, %v, want %+v, %s", want.Why, got, err, removals, want.Ends)
		}
		var again []byte
		for i := range got {
			if again, err = AppendRemoval(again, &got[i]); err != nil {
				t.Errorf("%s: %v", want.Why, err)
			}
		}
		if !slices.Equal(again, []byte(want.Content[:len(want.Content)-want.Unread])) {
			t.Errorf("%s: the removals make %x", want.Why, again)
		}
	}
	if len(seen) != len(ends) {
		t.Errorf("batches that end %v", seen)
	}
}
