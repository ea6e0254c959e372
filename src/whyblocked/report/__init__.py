"""An answer for people and programs: text, JSON, Markdown, HTML, JUnit. No decision is taken here."""
