/// How the phrases of an invitation are laid out, as text and as HTML. The HTML loads nothing from
/// anywhere, so that opening the mail tells nobody.
enum MailLayout {
  static let text = """
    {{{greeting}}}

    {{{introduction}}}

    {{{action}}}:
    {{{link}}}

    {{{signIn}}}

    {{{expiry}}}

    {{{unexpected}}}

    --\u{20}
    {{{closing}}}

    """

  static let html = """
    <!DOCTYPE html>
    <html lang="{{language}}">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{{subject}}</title>
    </head>
    <body style="margin:0;padding:24px;background:#f4f4f5;color:#18181b;font-family:sans-serif">
    <main style="max-width:560px;margin:0 auto;padding:24px;background:#ffffff;line-height:1.5">
    <p>{{greeting}}</p>
    <p>{{introduction}}</p>
    <p style="margin:24px 0"><a href="{{link}}" style="padding:12px 20px;background:#1d4ed8;\
    color:#ffffff;text-decoration:none;border-radius:6px">{{action}}</a></p>
    <p>{{signIn}}</p>
    <p>{{expiry}}</p>
    <p>{{unexpected}}</p>
    <p style="margin-top:32px;font-size:13px;color:#52525b">{{closing}}</p>
    </main>
    </body>
    </html>

    """
}
