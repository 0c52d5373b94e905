import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpParser;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.util.MultiMap;
import org.eclipse.jetty.util.UrlEncoded;

/** Reads raw requests with the Jetty inside h2o.jar and compares with what the gate saw. Usage: Readers FILE, see readers.py. */
public class Readers {
  static class Seen implements HttpParser.RequestHandler {
    String method, uri;
    java.io.ByteArrayOutputStream body = new java.io.ByteArrayOutputStream();
    boolean complete;
    String failure;

    public boolean startRequest(String m, String u, HttpVersion v) { method = m; uri = u; return false; }
    public boolean content(ByteBuffer b) { while (b.hasRemaining()) body.write(b.get()); return false; }
    public boolean headerComplete() { return false; }
    public boolean contentComplete() { return false; }
    public boolean messageComplete() { complete = true; return true; }
    public void parsedHeader(HttpField f) {}
    public void earlyEOF() { failure = "early end"; }
    public void badMessage(org.eclipse.jetty.http.BadMessageException e) { failure = e.toString(); }
    public int getHeaderCacheSize() { return 0; }
  }

  /** The value of a string member; the writer escapes as Go does. */
  static String text(String json) {
    StringBuilder b = new StringBuilder();
    for (int i = 0; i < json.length(); i++) {
      char c = json.charAt(i);
      if (c != '\\') { b.append(c); continue; }
      c = json.charAt(++i);
      switch (c) {
        case 'u': b.append((char) Integer.parseInt(json.substring(i + 1, i + 5), 16)); i += 4; break;
        case 'n': b.append('\n'); break;
        case 'r': b.append('\r'); break;
        case 't': b.append('\t'); break;
        case 'b': b.append('\b'); break;
        case 'f': b.append('\f'); break;
        default: b.append(c);
      }
    }
    return b.toString();
  }

  static final String STRING = "\"((?:[^\"\\\\]++|\\\\.)*+)\"";
  static final Pattern LINE = Pattern.compile("\\{\"method\":" + STRING + ",\"path\":" + STRING + ",\"query\":(null|\\[.*\\]),\"body\":" + STRING + ",\"raw\":" + STRING + "\\}");
  static final Pattern PAIR = Pattern.compile("\\[" + STRING + "," + STRING + "\\]");

  public static void main(String[] args) throws Exception {
    int count = 0;
    for (String line : Files.readAllLines(Paths.get(args[0]))) {
      Matcher m = LINE.matcher(line);
      if (!m.matches()) fail("no case: " + line);
      byte[] raw = Base64.getDecoder().decode(m.group(5));
      Seen seen = new Seen();
      HttpParser parser = new HttpParser(seen);
      ByteBuffer in = ByteBuffer.wrap(raw);
      while (in.hasRemaining() && !seen.complete && seen.failure == null) parser.parseNext(in);
      parser.parseNext(in);
      if (seen.failure != null || !seen.complete || in.hasRemaining()) fail("Jetty: " + seen.failure + ", " + in.remaining() + " bytes left of " + show(raw));
      HttpURI uri = new HttpURI(seen.uri);
      equal("method", seen.method, m.group(1), raw);
      equal("path", uri.getDecodedPath(), text(m.group(2)), raw);
      // H2O itself decodes the path with URLDecoder, which takes '+' for a space.
      equal("path as H2O decodes it", java.net.URLDecoder.decode(uri.getPath(), "UTF-8"), text(m.group(2)), raw);
      MultiMap<String> query = new MultiMap<>();
      if (uri.getQuery() != null) UrlEncoded.decodeTo(uri.getQuery(), query, StandardCharsets.UTF_8);
      List<String> got = new ArrayList<>(), want = new ArrayList<>();
      query.forEach((name, values) -> values.forEach(v -> got.add(name + "=" + v)));
      for (Matcher p = PAIR.matcher(m.group(3)); p.find(); ) want.add(text(p.group(1)) + "=" + text(p.group(2)));
      got.sort(null);
      want.sort(null);
      equal("query", got.toString(), want.toString(), raw);
      StringBuilder hex = new StringBuilder();
      for (byte b : MessageDigest.getInstance("SHA-256").digest(seen.body.toByteArray())) hex.append(String.format("%02x", b));
      equal("body", hex.toString(), m.group(4), raw);
      count++;
    }
    System.out.println("read " + count + " alike");
  }

  static void equal(String what, String got, String want, byte[] raw) {
    if (!want.equals(got)) fail("Jetty: " + what + " of " + show(raw) + " is " + got + ", the gate saw " + want);
  }

  static String show(byte[] raw) { return new String(raw, StandardCharsets.ISO_8859_1).replace("\r\n", "\\r\\n"); }

  static void fail(String why) { System.out.println(why); System.exit(1); }
}
