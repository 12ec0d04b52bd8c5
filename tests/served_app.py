"""An application for other servers than our own: `uvicorn tests.served_app:app`."""

from billetter.app import create_app
from billetter.settings import Settings

app = create_app(Settings.model_validate({}), "fake://served")
