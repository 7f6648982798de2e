"""What runs on a PC when it is asked what of hotdesk is at work there. Python 3.8 or newer, standard library only."""
