"""What of the outbox's files and requests is kept: until its days are over, and nothing that no send refers to.

Add here what must go by itself. The ledger's rows of sends and messages stay.
"""

import logging
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from assets.outbox.batch import FOLDER
from assets.warehouse.resources import Mailrail
from senders.ledger.store import Ledger

logger = logging.getLogger(__name__)


def tidy(mailrail: Mailrail, ledger: Ledger, keep_days: float) -> int:
    """Remove frozen files whose days are over, and those of batches that were never opened; return how many.

    Only days that are over are looked at: a batch of today may be about to be opened by another process.
    """
    now = mailrail.clock.now()
    oldest = now - timedelta(days=keep_days)
    removed = 0
    for day in sorted((mailrail.home / "files" / FOLDER).glob("[0-9]*")):
        began = datetime.strptime(day.name, "%Y%m%d").replace(tzinfo=UTC)
        if began + timedelta(days=2) <= now:
            removed += sum(_remove(folder, ledger, oldest) for folder in sorted(day.iterdir()))
            if not any(day.iterdir()):
                day.rmdir()
    ledger.forget_mail(oldest)
    ledger.forget_signups(now)
    if removed:
        logger.info("%d folders of the outbox were removed", removed)
    return removed


def _remove(folder: Path, ledger: Ledger, oldest: datetime) -> bool:
    send = ledger.send(folder.name)
    if send is not None and (send.finished_at is None or send.finished_at > oldest):
        return False
    shutil.rmtree(folder)
    return True
