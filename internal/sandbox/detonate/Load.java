import java.io.File;
import ml.combust.mleap.runtime.javadsl.BundleBuilder;
import ml.combust.mleap.runtime.javadsl.ContextBuilder;

/** Runs inside the jail of weir run --model: loads one MLeap bundle and says what became of it, as load.py does. */
public class Load {
	public static void main(String[] args) {
		String nonce = args[1];
		try {
			System.out.println(nonce + "{\"stage\":\"framework\",\"name\":\"mleap\",\"version\":\"\"}");
			System.out.println(nonce + "{\"stage\":\"call\",\"text\":\"BundleBuilder().load(MODEL)\"}");
			System.out.flush();
			Object root = new BundleBuilder().load(new File(args[0]), new ContextBuilder().createMleapContext()).root();
			System.out.println(nonce + "{\"stage\":\"loaded\",\"type\":\"" + root.getClass().getName() + "\"}");
			System.out.println(nonce + "{\"stage\":\"end\"}");
			System.out.flush();
			Runtime.getRuntime().halt(0);
		} catch (Throwable e) {
			StringBuilder s = new StringBuilder();
			String text = String.valueOf(e);
			for (int i = 0; i < text.length() && i < 600; i++) {
				char c = text.charAt(i);
				if (c == '"' || c == '\\') s.append('\\').append(c);
				else s.append(c < ' ' ? ' ' : c);
			}
			System.out.println(nonce + "{\"stage\":\"failed\",\"error\":\"" + s + "\"}");
			System.out.flush();
			Runtime.getRuntime().halt(4);
		}
	}
}
